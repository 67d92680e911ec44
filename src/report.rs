//! t
/// t
pub mod denial {
    /// t
    pub fn message(k: &crate::object::ObjectKey, f: &[crate::finding::Finding]) -> String {
        format!("{k}: {f:?}")
    }
}
/// t
pub mod explain {
    /// t
    pub fn render(r: &u8) -> String {
        format!("{r}")
    }
}
/// t
pub mod json {
    /// t
    pub fn report(f: &[crate::finding::Finding], _w: &[crate::engine::Warning]) -> serde_json::Value {
        format!("{f:?}").into()
    }
}
/// t
pub mod trace {
    /// t
    pub fn render(s: &crate::walk::Subject, w: &[crate::walk::Walk]) -> String {
        format!("{s:?} {w:#?}")
    }
}
/// t
pub mod snippet {
    /// t
    pub struct Excerpt {
        /// t
        pub file: String,
        /// t
        pub text: String,
        /// t
        pub span: std::ops::Range<usize>,
        /// t
        pub label: String,
    }
    /// t
    pub fn render(f: &crate::finding::Finding, _p: Option<&Excerpt>, _r: &[Excerpt], _c: bool) -> String {
        format!("{f:#?}")
    }
}
