//! Which version of each kind the API server serves.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::request::RequestError;
use crate::object::Kind;

/// The version of each kind that was served last. Old and new Istio differ in what they serve.
#[derive(Debug, Default)]
pub(super) struct Served([AtomicUsize; Kind::ALL.len()]);

impl Served {
    /// Makes a request under the version that worked last, else under the others, the preferred ones first.
    ///
    /// The request itself is what asks, so there is no discovery that could be out of date or forbidden.
    pub(super) async fn find<T, F>(&self, kind: Kind, request: impl Fn(&'static str) -> F) -> Result<T, RequestError>
    where
        F: Future<Output = Result<T, RequestError>>,
    {
        let Self(served) = self;
        let last = served[kind as usize].load(Ordering::Relaxed);
        let versions = kind.versions();
        let others = (0..versions.len()).filter(|index| *index != last);
        for index in std::iter::once(last).chain(others) {
            match request(versions[index]).await {
                Err(RequestError::NotInstalled) => {}
                result => {
                    served[kind as usize].store(index, Ordering::Relaxed);
                    return result;
                }
            }
        }
        Err(RequestError::NotInstalled)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn the_preferred_version_is_asked_first_and_the_served_one_from_then_on() {
        let served = Served::default();
        let asked = RefCell::new(Vec::new());
        let only = |installed: &'static str| {
            let asked = &asked;
            move |version: &'static str| {
                asked.borrow_mut().push(version);
                std::future::ready(if version == installed { Ok(()) } else { Err(RequestError::NotInstalled) })
            }
        };
        assert_eq!(served.find(Kind::IstioGateway, only("v1beta1")).await, Ok(()));
        assert_eq!(served.find(Kind::IstioGateway, only("v1beta1")).await, Ok(()));
        assert_eq!(served.find(Kind::IstioGateway, only("none")).await, Err(RequestError::NotInstalled));
        assert_eq!(asked.into_inner(), ["v1", "v1beta1", "v1beta1", "v1beta1", "v1", "v1alpha3"]);
    }
}
