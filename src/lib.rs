//! plumbline
