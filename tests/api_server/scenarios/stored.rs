//! Objects put where the API server keeps them: a hundred thousand writes through it take longer than all else.

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use k8s_openapi::ByteString;
use serde_json::{Value, json};

/// Puts in one transaction; etcd allows 128.
const AT_A_TIME: usize = 100;

/// Puts custom resources of one kind straight into etcd, by the JSON gateway that it serves beside gRPC.
///
/// # Panics
/// If etcd does not take them.
pub(super) fn put_all(etcd_port: u16, resource: &str, objects: impl Iterator<Item = Value>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let put = |mut object: Value| {
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.remove("resourceVersion");
        metadata.insert("generation".to_owned(), 1.into());
        let text = |name: &str| metadata[name].as_str().unwrap();
        let key = format!("/registry/{resource}/{}/{}", text("namespace"), text("name"));
        let encoded = |text: String| json!(ByteString(text.into_bytes()));
        json!({"requestPut": {"key": encoded(key), "value": encoded(object.to_string())}})
    };
    let mut puts = objects.map(put).peekable();
    while puts.peek().is_some() {
        let transaction = json!({"success": puts.by_ref().take(AT_A_TIME).collect::<Vec<_>>()}).to_string();
        let request = Request::post(format!("http://127.0.0.1:{etcd_port}/v3/kv/txn"));
        let request = request.body(Full::from(transaction)).unwrap();
        runtime.block_on(async {
            let answer = client.request(request).await.unwrap();
            let status = answer.status();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        });
    }
}
