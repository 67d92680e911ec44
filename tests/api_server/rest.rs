use futures::future::join_all;
use futures::{StreamExt as _, stream};
use http_body_util::BodyExt;
use hyper::Request;
use hyper::header::{self, HeaderValue};
use kube::Client;
use kube::client::Body;
use kube::core::params::{DeleteParams, ListParams, Patch, PatchParams};
use plumbline::cluster::{Connection, ConnectionOptions};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::control_plane::{ControlPlane, User};

/// Writes in quick sequence, where starting a `kubectl` for each write would be most of the time.
pub(crate) struct Rest {
    runtime: Runtime,
    client: Client,
    impersonated: Option<&'static str>,
}

/// What the API server said to a write that it did, or that a webhook refused.
#[derive(Debug)]
#[must_use]
pub(crate) struct Answer {
    /// Why a webhook refused it.
    pub(crate) denial: Option<String>,
    /// What webhooks warn of.
    pub(crate) warnings: Vec<String>,
}

impl Answer {
    /// # Panics
    /// With the denial, if there is one.
    #[track_caller]
    pub(crate) fn expect_admitted(self) -> Vec<String> {
        assert!(self.denial.is_none(), "{self:#?}");
        self.warnings
    }
}

impl Rest {
    /// A client for the API server as some user.
    pub(crate) fn open(control_plane: &ControlPlane, user: User) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = ConnectionOptions { kubeconfig: Some(control_plane.kubeconfig(user).to_owned()), context: None };
        let client = runtime.block_on(Connection::open(&options)).unwrap().client;
        Self { runtime, client, impersonated: None }
    }

    /// A client for the API server as a user of its own, such as a controller of the control plane.
    pub(crate) fn open_as(control_plane: &ControlPlane, impersonated: &'static str) -> Self {
        Self { impersonated: Some(impersonated), ..Self::open(control_plane, User::Admin) }
    }

    /// Applies an object as `kubectl apply --server-side --force-conflicts` does.
    ///
    /// # Panics
    /// If the write fails for any reason other than a webhook's denial.
    #[track_caller]
    pub(crate) fn apply(&self, object: &Value) -> Answer {
        self.try_apply(object).unwrap_or_else(|why| panic!("{why}: {object}"))
    }

    /// Creates objects that are not there yet, many at a time.
    ///
    /// # Panics
    /// If one of them cannot be created.
    #[track_caller]
    pub(crate) fn create_all(&self, objects: impl Iterator<Item = Value>) {
        const AT_A_TIME: usize = 32;
        let creations = objects.map(|object| async move {
            let request = Request::post(collection(&object)).header(header::CONTENT_TYPE, "application/json");
            let answer =
                self.client.send(request.body(Body::from(object.to_string().into_bytes())).unwrap()).await.unwrap();
            let status = answer.status();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(status, 201, "{object}: {}", String::from_utf8_lossy(&body));
        });
        self.runtime.block_on(stream::iter(creations).buffer_unordered(AT_A_TIME).for_each(|()| async {}));
    }

    /// [`Rest::apply`] that takes a denial for a failure too.
    pub(crate) fn attempt(&self, object: &Value) -> Result<(), String> {
        self.try_apply(object)?.denial.map_or(Ok(()), Err)
    }

    /// Reads what is at a path, if there is something.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> Option<Value> {
        let (status, _, body) = self.send(Request::get(path).body(Vec::new()).unwrap());
        assert!(matches!(status, 200 | 404), "{path}: {status} {body}");
        (status == 200).then_some(body)
    }

    /// Deletes an object.
    ///
    /// # Panics
    /// If it cannot be deleted for any reason other than a webhook's denial.
    #[track_caller]
    pub(crate) fn delete(&self, object: &Value) -> Answer {
        self.try_delete(object).unwrap_or_else(|why| panic!("{why}: {object}"))
    }

    /// Deletes whatever is at a path such as `/api/v1/namespaces/default/pods`; where no such kind is served, that is nothing.
    #[track_caller]
    pub(crate) fn delete_all(&self, path: &str) {
        let request = kube::core::Request::new(path);
        let request = request.delete_collection(&DeleteParams::default(), &ListParams::default()).unwrap();
        let (status, _, body) = self.send(request);
        assert!(matches!(status, 200 | 404), "{path}: {status} {body}");
    }

    /// Reads what is at each of these paths, all at once.
    ///
    /// # Panics
    /// If one of them cannot be read.
    #[track_caller]
    pub(crate) fn read_at_once(&self, paths: &[&str]) {
        let reads = paths.iter().map(|path| async move {
            let answer = self.client.send(Request::get(*path).body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            answer.into_body().collect().await.unwrap();
        });
        self.runtime.block_on(join_all(reads));
    }

    /// An object as it is, if it is there.
    #[track_caller]
    pub(crate) fn find(&self, object: &Value) -> Option<Value> {
        self.read(&format!("{}/{}", collection(object), name(object)))
    }

    /// Everything at a path such as `/api/v1/pods`.
    #[track_caller]
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let request = kube::core::Request::new(path).list(&ListParams::default()).unwrap();
        let (status, _, body) = self.send(request);
        assert_eq!(status, 200, "{path}: {body}");
        body["items"].as_array().unwrap().clone()
    }

    /// [`Rest::apply`] that tells why the write failed, if it did.
    pub(crate) fn try_apply(&self, object: &Value) -> Result<Answer, String> {
        let params = PatchParams::apply("plumbline-tests").force();
        let request = kube::core::Request::new(collection(object));
        self.try_write(request.patch(name(object), &params, &Patch::Apply(object)).unwrap())
    }

    /// [`Rest::delete`] that tells why the write failed, if it did.
    pub(crate) fn try_delete(&self, object: &Value) -> Result<Answer, String> {
        let request = kube::core::Request::new(collection(object));
        self.try_write(request.delete(name(object), &DeleteParams::default()).unwrap())
    }

    fn try_write(&self, request: Request<Vec<u8>>) -> Result<Answer, String> {
        let (status, warnings, body) = self.send(request);
        let message = body["message"].as_str().unwrap_or_default();
        let denial = match status {
            200 | 201 => None,
            403 if message.contains("denied the request") => Some(message.to_owned()),
            _ => return Err(format!("{status} {message}")),
        };
        Ok(Answer { denial, warnings })
    }

    fn send(&self, mut request: Request<Vec<u8>>) -> (u16, Vec<String>, Value) {
        if let Some(user) = self.impersonated {
            request.headers_mut().insert("Impersonate-User", HeaderValue::from_static(user));
        }
        self.runtime.block_on(async {
            let answer = self.client.send(request.map(Body::from)).await.unwrap();
            let status = answer.status().as_u16();
            let warnings = answer.headers().get_all(header::WARNING).iter();
            let warnings = warnings.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            (status, warnings, serde_json::from_slice(&body).unwrap_or_default())
        })
    }
}

/// The path of the collection that an object is in. All kinds written here form their plurals alike.
fn collection(object: &Value) -> String {
    let version = object["apiVersion"].as_str().unwrap();
    let root = if version.contains('/') { "/apis" } else { "/api" };
    let kind = object["kind"].as_str().unwrap().to_lowercase();
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{root}/{version}/namespaces/{namespace}/{kind}s"),
        None => format!("{root}/{version}/{kind}s"),
    }
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}
