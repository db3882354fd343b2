//! Progress on standard error: bars where it is a terminal, plain lines now and then where it is a file.

mod fetch;

pub(crate) use fetch::FetchProgress;
