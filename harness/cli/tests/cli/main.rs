//! The program as its users meet it: every test runs `touchstone` or drives its workers. One binary, since each one links
//! all engines.

mod check;
mod commands;
mod controls;
mod coverage;
mod documents;
mod every_verdict;
mod explain;
mod fixtures;
mod hostile;
mod import_faults;
mod notsup;
mod page;
mod plants;
mod random;
mod recorder;
mod register;
mod reports;
mod sockets;
mod straight_line;
mod support;
mod witness;
