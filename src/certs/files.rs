//! A pair in two files, read again when they change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{self, MissedTickBehavior};

use super::pair::unix_now;
use super::{CertificateError, Certificates, Pair};

/// From here on, a certificate that nobody renewed is worth a warning.
const EXPIRY_NEAR: i64 = 24 * 3600;
const EXPIRY_REMINDER: Duration = Duration::from_hours(1);

/// The two files of a pair, for instance `tls.crt` and `tls.key` of a Secret's mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain as PEM, the leaf first.
    pub chain: PathBuf,
    /// The leaf's private key as PEM.
    pub key: PathBuf,
}

#[derive(PartialEq, Eq)]
struct Content {
    chain: Vec<u8>,
    key: Vec<u8>,
}

impl CertificateFiles {
    /// Reads the pair.
    pub async fn load(&self) -> Result<Pair, CertificateError> {
        self.parse(&self.read().await?)
    }

    /// Takes each new pair in the files into use, for as long as the future is polled.
    ///
    /// Reads both files every `period` and compares their content. The kubelet swaps a symlink of the *directory* that
    /// the files are links into, so a watch on a file follows the old target and sees one swap at most, and a watch on
    /// the directory still has to cope with editors, bind mounts and network file systems. Two small reads a second
    /// cost nothing and see every swap. A pair that cannot be used is named in the log and the last good one stays.
    pub async fn watch(&self, certificates: &Arc<Certificates>, period: Duration) {
        let mut watch = Watch { files: self, certificates, seen: None, complaint: None, reminded: None, mourned: None };
        let mut ticks = time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            watch.look().await;
        }
    }

    async fn read(&self) -> Result<Content, CertificateError> {
        let chain = tokio::fs::read(&self.chain).await.map_err(|error| CertificateError::read(&self.chain, error))?;
        let key = tokio::fs::read(&self.key).await.map_err(|error| CertificateError::read(&self.key, error))?;
        Ok(Content { chain, key })
    }

    fn parse(&self, content: &Content) -> Result<Pair, CertificateError> {
        let (chain, key) = (self.chain.display().to_string(), self.key.display().to_string());
        Pair::from_pem(&content.chain, &chain, &content.key, &key)
    }
}

struct Watch<'a> {
    files: &'a CertificateFiles,
    certificates: &'a Certificates,
    /// The content in use, so that it is parsed once.
    seen: Option<Content>,
    complaint: Option<Complaint>,
    reminded: Option<Instant>,
    /// The same, of a certificate that has expired.
    mourned: Option<Instant>,
}

struct Complaint {
    text: String,
    told: bool,
}

impl Watch<'_> {
    async fn look(&mut self) {
        match self.changed().await {
            Ok(pair) => {
                self.complaint = None;
                if let Some(pair) = pair.filter(|pair| !pair.same_chain(&self.certificates.current())) {
                    tracing::info!(
                        chain = %self.files.chain.display(),
                        names = pair.names().join(","),
                        expires = pair.not_after(),
                        "took a new certificate into use"
                    );
                    self.certificates.replace(pair);
                }
            }
            Err(error) => self.complain(error.to_string()),
        }
        self.remind();
    }

    async fn changed(&mut self) -> Result<Option<Pair>, CertificateError> {
        let content = self.files.read().await?;
        if self.seen.as_ref() == Some(&content) {
            return Ok(None);
        }
        let pair = self.files.parse(&content)?;
        self.seen = Some(content);
        Ok(Some(pair))
    }

    /// Warns of what stays wrong for two looks: between two reads the kubelet may swap chain and key.
    fn complain(&mut self, text: String) {
        match &mut self.complaint {
            Some(complaint) if complaint.text == text => {
                if !complaint.told {
                    complaint.told = true;
                    self.certificates.metrics.certificate_refused();
                    tracing::warn!(error = text, "left a new certificate aside; the last good one stays in use");
                }
            }
            complaint => *complaint = Some(Complaint { text, told: false }),
        }
    }

    fn remind(&mut self) {
        let left = self.certificates.current().not_after() - unix_now();
        // That it has come to pass is told at once.
        let told = if left < 0 { &mut self.mourned } else { &mut self.reminded };
        let due = told.is_none_or(|told| told.elapsed() >= EXPIRY_REMINDER);
        if left < EXPIRY_NEAR && due {
            *told = Some(Instant::now());
            let chain = self.files.chain.display();
            if left < 0 {
                tracing::error!(%chain, seconds_ago = -left, "the certificate has expired, and every caller refuses it: renew it");
            } else {
                tracing::warn!(%chain, seconds_left = left, "the certificate is about to expire");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::testing::{Leaf, PemPair, TestAuthority};
    use super::*;
    use crate::metrics::Metrics;

    const PERIOD: Duration = Duration::from_millis(10);

    fn write(directory: &Path, pair: &PemPair) -> CertificateFiles {
        let files = CertificateFiles { chain: directory.join("tls.crt"), key: directory.join("tls.key") };
        fs::write(&files.chain, &pair.chain).unwrap();
        fs::write(&files.key, &pair.key).unwrap();
        files
    }

    async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..500 {
            if holds() {
                return;
            }
            time::sleep(PERIOD).await;
        }
        panic!("never came true: {what}");
    }

    #[tokio::test]
    async fn a_missing_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let files = write(directory.path(), &TestAuthority::new().issue(&Leaf::named(["localhost"])));
        fs::remove_file(&files.key).unwrap();
        let error = files.load().await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot read {}: ", files.key.display())), "{error}");
    }

    #[tokio::test]
    async fn a_bad_pair_is_left_aside_and_the_next_good_one_taken() {
        let directory = tempfile::tempdir().unwrap();
        let authority = TestAuthority::new();
        let files = write(directory.path(), &authority.issue(&Leaf::named(["one.test"])));
        let metrics = Arc::new(Metrics::new());
        let certificates = Arc::new(Certificates::new(files.load().await.unwrap(), Arc::clone(&metrics)));
        let (watched, watching) = (files.clone(), Arc::clone(&certificates));
        let watch = tokio::spawn(async move { watched.watch(&watching, PERIOD).await });
        let names = || certificates.current().names().to_vec();
        let refused = |count: u64| {
            let line = format!("plumbline_certificate_loads_total{{result=\"refused\"}} {count}");
            metrics.page().unwrap().contains(&line)
        };

        let two = authority.issue(&Leaf::named(["two.test"]));
        fs::write(&files.chain, &two.chain).unwrap();
        eventually("the mismatch is counted", || refused(1)).await;
        assert_eq!(names(), ["one.test"]);
        fs::remove_file(&files.chain).unwrap();
        eventually("the missing file is counted", || refused(2)).await;
        assert_eq!(names(), ["one.test"]);

        fs::write(&files.chain, &two.chain).unwrap();
        fs::write(&files.key, &two.key).unwrap();
        eventually("the good pair is in use", || names() == ["two.test"]).await;
        watch.abort();
    }
}
