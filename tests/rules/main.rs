//! The rules against their own documentation: each example gives what it says, each remedy mends it, each page is fresh.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test stops where its premise fails")]

mod cluster;
mod corpus;
mod examples;
mod messages;
mod pages;
