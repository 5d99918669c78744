//! The status page in a real browser (chromium, without a window), on a real coordinator with an agent and jobs that run.
//!
//! Stories wait for the page to change, never for a time. Each picture that is taken lies in `target/tmp/browser`.

mod browser;
mod needs;
mod pages;
mod pipe;
mod sign_in;
mod site;
mod study;
