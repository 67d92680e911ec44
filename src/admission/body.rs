//! Reads a request's body within its limits of size and time.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use futures::StreamExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time;

use super::Refusal;

/// How long an unwanted body is read before the connection is given up.
const DISCARD: Duration = Duration::from_secs(1);

/// Reads a whole body of at most `limit` bytes that arrives before `until`.
pub(super) async fn read(mut body: Body, limit: usize, until: Instant) -> Result<Bytes, Refusal> {
    let stated = body.size_hint().lower();
    if usize::try_from(stated).is_ok_and(|stated| stated > limit) {
        discard(body, limit).await;
        return Err(too_large(limit));
    }
    match time::timeout_at(until.into(), Limited::new(&mut body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            discard(body, limit).await;
            Err(too_large(limit))
        }
        Ok(Err(error)) => Err(Refusal {
            status: StatusCode::BAD_REQUEST,
            reason: "broken_body",
            text: format!("the body broke off: {error}"),
        }),
        Err(_) => Err(Refusal {
            status: StatusCode::REQUEST_TIMEOUT,
            reason: "slow_body",
            text: "the body did not arrive in time; look for what slows the connection down".to_owned(),
        }),
    }
}

/// Reads what is left of an unwanted body, up to `limit` bytes, and forgets it.
///
/// Closing a connection while the caller still writes resets it, and the reset can overtake the answer that says why.
pub(super) async fn discard(body: Body, limit: usize) {
    let rest = Limited::new(body, limit.saturating_mul(2)).into_data_stream().take_while(|frame| {
        let read = frame.is_ok();
        async move { read }
    });
    // Whether it ends by itself or by the clock makes no difference to the answer.
    let _ = time::timeout(DISCARD, rest.for_each(|_| async {})).await;
}

fn too_large(limit: usize) -> Refusal {
    Refusal {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        reason: "too_large",
        text: format!("the body is larger than {limit} bytes, the most that an object and its old state can take"),
    }
}
