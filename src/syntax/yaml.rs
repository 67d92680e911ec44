//! temp
use super::{Node, SyntaxError};
/// t
pub fn parse(_t: &str) -> Result<Node, SyntaxError> {
    Err(SyntaxError { message: String::new(), offset: 0 })
}
