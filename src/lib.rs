//! plumbline
pub mod data_plane;
pub mod finding;
pub mod model;
pub mod object;
pub mod population;
pub mod syntax;
pub mod view;
pub mod walk;
