//! The stages of stopping, as every connection sees them.

use tokio_util::sync::{CancellationToken, DropGuard};

/// Serving, stopping (still serving everybody), closing (finishing what is in flight), abandoned.
#[derive(Clone, Debug)]
pub(super) struct Lifecycle {
    stop: CancellationToken,
    closing: CancellationToken,
    abandoned: CancellationToken,
}

impl Lifecycle {
    /// Serves until `stop` is cancelled.
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { stop, closing: CancellationToken::new(), abandoned: CancellationToken::new() }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub(super) async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    pub(super) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    pub(super) async fn abandoned(&self) {
        self.abandoned.cancelled().await;
    }

    pub(super) fn close(&self) {
        self.closing.cancel();
    }

    pub(super) fn abandon(&self) {
        self.closing.cancel();
        self.abandoned.cancel();
    }

    /// Abandons every connection when the server's future is dropped half-way.
    pub(super) fn guard(&self) -> [DropGuard; 2] {
        [self.closing.clone().drop_guard(), self.abandoned.clone().drop_guard()]
    }
}
