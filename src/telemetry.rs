//! Logs: one subscriber, text or JSON, on standard error; and traces, where somebody collects them.

use std::io::{self, IsTerminal};
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

pub use throttle::Throttle;
pub use traces::Traces;

mod throttle;
pub mod traces;

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line an event.
    #[default]
    Text,
    /// One JSON object an event, its fields at the top level.
    Json,
}

impl FromStr for LogFormat {
    type Err = TelemetryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(TelemetryError::Format(other.to_owned())),
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("log filter {filter:?}: {reason}; write levels and targets as in \"info,plumbline=debug\"")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The format is not one of those known.
    #[error("log format {0:?} is not known; use text or json")]
    Format(String),
    /// Traces cannot be sent there.
    #[error(
        "otlp-endpoint: {endpoint:?}: {reason}; give the base URL of a collector that takes OTLP over plain HTTP, as in \
             http://collector:4318"
    )]
    Endpoint {
        /// The endpoint as given.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The process has a subscriber already.
    #[error("logging was set up already; set it up once, before anything logs")]
    Installed,
}

/// Sends events that pass `filter`, such as `info,plumbline=debug`, to standard error, and panics with them; and spans to where
/// traces are collected.
pub fn install(filter: &str, format: LogFormat, traces: Option<&Traces>) -> Result<(), TelemetryError> {
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let subscriber = subscriber(filter, format, colours, io::stderr, traces)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::Installed)?;
    log_panics();
    Ok(())
}

/// Builds the subscriber that [`install`] installs, for another writer.
pub fn subscriber<W>(
    filter: &str,
    format: LogFormat,
    colours: bool,
    writer: W,
    traces: Option<&Traces>,
) -> Result<impl tracing::Subscriber + Send + Sync, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // `Targets` instead of the usual `EnvFilter`: directives on spans and fields are not worth a regex engine.
    let targets: Targets = filter.parse().map_err(|error: tracing_subscriber::filter::ParseError| {
        TelemetryError::Filter { filter: filter.to_owned(), reason: error.to_string() }
    })?;
    let targets = targets.with_target(traces::TARGET, LevelFilter::OFF);
    let spans = traces.map(|traces| {
        let only_ours = Targets::new().with_target(traces::TARGET, LevelFilter::INFO);
        tracing_opentelemetry::layer().with_tracer(traces.tracer()).with_filter(only_ours)
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    Ok(tracing_subscriber::registry().with(lines.with_filter(targets)).with(spans))
}

/// Writes panics as events: a bare message on standard error is lost in a stream of JSON.
///
/// They say where it was and not what the panic says, which may repeat what was read: a text that is cut within a
/// character is quoted by the standard library, and an object may hold credentials.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(location, %backtrace, "panicked; this is a bug in plumbline");
    }));
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Buffer {
        fn lines(&self) -> Vec<String> {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
        }
    }

    fn logged(filter: &str, format: LogFormat) -> Vec<String> {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let subscriber = subscriber(filter, format, false, move || writer.clone(), None).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "plumbline::gather", "ours");
            tracing::debug!(target: "kube_client", "theirs");
            tracing::info!(target: "kube_client", user = "a\nb", "told");
        });
        buffer.lines()
    }

    #[test]
    fn levels_apply_by_target() {
        let lines = logged("info,plumbline=debug", LogFormat::Text);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("ours"));
        assert!(lines[1].contains(r#"user="a\nb""#), "a value cannot start a line of its own: {lines:?}");
    }

    #[test]
    fn json_lines_carry_fields_at_the_top() {
        let lines = logged("info", LogFormat::Json);
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["message"], "told");
        assert_eq!(line["user"], "a\nb");
    }

    #[test]
    fn a_panic_is_told_by_its_place_and_repeats_no_content() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let subscriber = subscriber("info", LogFormat::Json, false, move || writer.clone(), None).unwrap();
        let content = String::from("é and a credential");
        log_panics();
        let panicked = tracing::subscriber::with_default(subscriber, || {
            std::panic::catch_unwind(|| content[1..].len()).unwrap_err()
        });
        drop(std::panic::take_hook());

        let said = panicked.downcast_ref::<String>().unwrap();
        assert!(said.contains("credential"), "otherwise nothing could be repeated: {said}");
        let lines = buffer.lines();
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert!(line["location"].as_str().unwrap().contains("telemetry.rs"), "{lines:?}");
        assert!(!lines.concat().contains("credential"), "{lines:?}");
    }

    #[test]
    fn a_filter_that_does_not_parse_is_named() {
        let Err(error) = subscriber("plumbline=loud", LogFormat::Text, false, io::sink, None) else {
            panic!("accepted");
        };
        assert!(error.to_string().starts_with("log filter \"plumbline=loud\": "), "{error}");
        assert_eq!(
            "yaml".parse::<LogFormat>().unwrap_err().to_string(),
            "log format \"yaml\" is not known; use text or json"
        );
    }
}
