//! plumbline
fn main() {}
