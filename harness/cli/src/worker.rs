//! The hidden command behind every worker process.

use std::os::fd::AsFd;

use touchstone_runner::HarnessError;
use touchstone_runner::profile::Profile;
use touchstone_runner::worker::serve;

use crate::args::WorkerArgs;
use crate::{Exit, Failure, select};

/// Serves jobs that come over stdin, which is a socket.
pub fn run(args: &WorkerArgs) -> Result<Exit, Failure> {
    let entry = select::runtime(&args.runtime)?;
    let profile = Profile::from_name(&args.profile)
        .ok_or_else(|| Failure::usage(format!("there is no profile `{}`", args.profile), "workers are started by the other commands"))?;
    let stdin = std::io::stdin();
    let socket = stdin.as_fd().try_clone_to_owned().map_err(HarnessError::system("take over the socket"))?;
    serve(entry, profile, args.plant, socket)?;
    Ok(Exit::Green)
}
