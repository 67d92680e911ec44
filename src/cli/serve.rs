//! `plumbline serve`

mod auditing;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use self::auditing::Auditing;
use super::source::{ClusterArgs, connect, snapshot};
use crate::admission::{Limits, router};
use crate::certs::{CertificateFiles, Certificates, Issued, SelfManaged};
use crate::cluster::{Cluster, Connection, Measures};
use crate::gather::{Fixed, Source};
use crate::manifests::Manifests;
use crate::metrics::Metrics;
use crate::server::{self, ClientAuthority, Gate, Readiness, Server};
use crate::settings::{ServeOptions, Settings};
use crate::telemetry::{self, Traces};
use crate::webhook::Webhook;

/// How often certificate files are looked at.
const CERTIFICATE_PERIOD: Duration = Duration::from_secs(1);
/// Open files: one for each connection of a server at its limit, and for everything else.
const FILES: u64 = 2048;
/// How often readiness says what it waits for.
const SYNC_REPORT: Duration = Duration::from_secs(1);

#[derive(Args, Debug)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) options: ServeOptions,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Write the CA of the certificate made at start to this file, for the webhook configuration's caBundle or curl.
    #[arg(long, value_name = "FILE", conflicts_with = "tls_cert")]
    write_ca: Option<PathBuf>,
}

impl Serve {
    pub(super) fn run(self, settings: Settings, log: &str, log_format: &str) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let traces = settings.serve.otlp_endpoint.as_deref().map(Traces::to).transpose()?;
            telemetry::install(log, log_format.parse()?, traces.as_ref())?;
            allow_files();
            let served = self.serve(settings).await;
            if let Some(traces) = traces {
                traces.end().await;
            }
            served
        })?;
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(self, mut settings: Settings) -> anyhow::Result<()> {
        let readiness = Readiness::default();
        let Some(directory) = self.cluster.manifests.clone() else {
            let (source, judge) = connect(&self.cluster, &settings).await?;
            settings.judge = judge;
            let source = Arc::new(source);
            tokio::spawn(report_sync(Arc::clone(&source), readiness.gate("caches")));
            let mut metrics = Metrics::new();
            metrics.registry().register_collector(Box::new(Measures::of(&source)));
            let stop = stopped()?;
            let auditing = Auditing::start(&self.cluster, &source, &settings, &mut metrics, &stop).await?;
            let pages = auditing.as_ref().map_or_else(Router::new, Auditing::pages);
            self.serve_source(source, settings, readiness, metrics, pages, stop).await?;
            return Auditing::end(auditing).await;
        };
        let manifests = Manifests::load(&[directory])?;
        for note in &manifests.notes {
            tracing::warn!(%note, "a manifest");
        }
        let source = Arc::new(Fixed::new(snapshot(&manifests)?));
        tracing::info!(objects = manifests.objects().count(), "a directory stands in for the cluster");
        if settings.transition.require_rbac {
            tracing::warn!("a directory has no RBAC to ask: everybody may declare transitions");
        }
        if settings.serve.audit.is_on {
            tracing::warn!(
                "a directory is not audited in the background: `plumbline audit --manifests` looks at it once"
            );
        }
        self.serve_source(source, settings, readiness, Metrics::new(), Router::new(), stopped()?).await
    }

    async fn serve_source<S: Source + 'static>(
        self,
        source: Arc<S>,
        settings: Settings,
        readiness: Readiness,
        metrics: Metrics,
        pages: Router,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let metrics = Arc::new(metrics);
        let serve = settings.serve;
        let certificates = if let Some((chain, key)) = &serve.certificate {
            let files = CertificateFiles { chain: chain.clone(), key: key.clone() };
            let certificates = Arc::new(Certificates::new(files.load().await?, Arc::clone(&metrics)));
            let watched = Arc::clone(&certificates);
            tokio::spawn(async move { files.watch(&watched, CERTIFICATE_PERIOD).await });
            certificates
        } else if let Some(kept) = serve.self_managed {
            anyhow::ensure!(
                self.cluster.manifests.is_none(),
                "--tls-secret is a Secret of a live cluster: serve a directory without it"
            );
            // Nobody trusts it, and the gate is closed while it is shown; the health pages are there from the start.
            let certificates = Arc::new(Certificates::new(Issued::new(&[])?.pair, Arc::clone(&metrics)));
            let client = Connection::open(&self.cluster.options()).await?.client;
            let (shown, counted) = (Arc::clone(&certificates), Arc::clone(&metrics));
            let keeper = SelfManaged::new(client, kept, shown, counted, readiness.gate("certificate"));
            tokio::spawn(keeper.run());
            certificates
        } else {
            anyhow::ensure!(
                self.cluster.manifests.is_some(),
                "a live cluster has to trust the certificate: give --tls-cert and --tls-key, or --tls-secret for one of our \
                 own, or serve a directory with --manifests"
            );
            let issued = Issued::new(&[])?;
            if let Some(path) = &self.write_ca {
                std::fs::write(path, &issued.ca_pem).with_context(|| format!("cannot write {}", path.display()))?;
            }
            Arc::new(Certificates::new(issued.pair, Arc::clone(&metrics)))
        };
        let names = serve.client_names;
        let clients = serve.client_ca.map(|path| ClientAuthority::from_file(&path, names)).transpose()?;
        let mut server_settings = server::Settings::new(serve.listen);
        server_settings.health_listen = serve.health_listen;
        server_settings.drain = serve.drain;
        let server = Server::bind(server_settings, certificates, clients, Arc::clone(&metrics)).await?;
        let webhook = Arc::new(Webhook::new(source, settings.judge, settings.transition, settings.operator_users));
        let limits = Limits { concurrency: serve.concurrency, ..Limits::default() };
        server.with_pages(pages).serve(router(webhook, limits, metrics), &readiness, stop).await;
        Ok(())
    }
}

/// Lets the process have a file for every connection it takes: some systems begin with less than the limit that they set.
fn allow_files() {
    match rlimit::increase_nofile_limit(FILES) {
        Ok(limit) if limit >= FILES => {}
        Ok(limit) => tracing::warn!(limit, wanted = FILES, "few files may be open: connections may be turned away"),
        Err(error) => tracing::warn!(%error, "the limit of open files is unknown"),
    }
}

/// Opens the gate once the cluster has been read, and says until then what is missing.
async fn report_sync(cluster: Arc<Cluster>, gate: Gate) {
    while tokio::time::timeout(SYNC_REPORT, cluster.wait_until_synced()).await.is_err() {
        gate.close(format!("waiting for {}", cluster.unready().unwrap_or_default()));
    }
    tracing::info!("the cluster has been read");
    gate.open();
}

/// A token that SIGTERM or SIGINT cancels; a second one ends the process at once.
fn stopped() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = token.clone();
    tokio::spawn(async move {
        for attempt in 0.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if attempt > 0 {
                std::process::exit(130);
            }
            stop.cancel();
        }
    });
    Ok(token)
}
