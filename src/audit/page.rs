use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::Audit;
use crate::gather::Source;
use crate::report::page;

/// The page.
pub const PATH: &str = "/audit";
/// What it looks like.
pub const STYLE_PATH: &str = "/audit.css";

/// Nothing but our own style sheet is loaded, nothing runs, nothing is sent, and nobody frames it.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Routes the page and its style sheet.
pub fn router<S: Source + 'static>(audit: Arc<Audit<S>>) -> Router {
    let style = || async { (HEADERS, [(header::CONTENT_TYPE, "text/css; charset=utf-8")], page::STYLE) };
    Router::new().route(PATH, get(move || answer(audit))).route(STYLE_PATH, get(style))
}

async fn answer<S: Source>(audit: Arc<Audit<S>>) -> Response {
    if let Some(missing) = audit.source.unready() {
        let text = format!("the cluster has not been read yet: waiting for {missing}\n");
        return (StatusCode::SERVICE_UNAVAILABLE, HEADERS, text).into_response();
    }
    match audit.current().await {
        Ok(survey) => (HEADERS, Html(page::html(&survey))).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, HEADERS, format!("the cluster could not be walked: {error}\n"))
            .into_response(),
    }
}
