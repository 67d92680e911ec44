//! The rules against their own documentation: each example gives what it says, each remedy mends it, each page is fresh.

mod cluster;
mod corpus;
mod examples;
mod pages;
