//! What each function does: one function of this program for each of the 46, in the words of [`Step`].

mod attributes;
mod buffers;
mod clocks;
mod data;
mod descriptors;
mod open;
mod poll;
mod program;
mod readdir;
mod reading;
mod seeking;
mod sockets;
mod tree;
mod writing;

use touchstone_spec::Function;

use crate::step::{Flow, Step};

/// The descriptors that a `poll_oneoff` waits to read from.
pub(crate) fn polled(call: &touchstone_model::trace::TraceCall) -> Vec<u32> {
    poll::read_from(call)
}

/// How many nanoseconds each clock of a `poll_oneoff` is ahead.
pub(crate) fn waits(call: &touchstone_model::trace::TraceCall, realtime: u64, monotonic: u64) -> Vec<u64> {
    poll::waits(call, realtime, monotonic)
}

/// Performs a call, or checks it.
pub(crate) fn run(step: &mut Step<'_>) -> Flow {
    match step.call.function {
        Function::ArgsGet => program::args_get(step),
        Function::ArgsSizesGet => program::args_sizes_get(step),
        Function::EnvironGet => program::environ_get(step),
        Function::EnvironSizesGet => program::environ_sizes_get(step),
        Function::ClockResGet => clocks::clock_res_get(step),
        Function::ClockTimeGet => clocks::clock_time_get(step),
        Function::FdAdvise => data::fd_advise(step),
        Function::FdAllocate => data::fd_allocate(step),
        Function::FdClose => descriptors::fd_close(step),
        Function::FdDatasync => data::fd_datasync(step),
        Function::FdFdstatGet => descriptors::fd_fdstat_get(step),
        Function::FdFdstatSetFlags => descriptors::fd_fdstat_set_flags(step),
        Function::FdFdstatSetRights => descriptors::fd_fdstat_set_rights(step),
        Function::FdFilestatGet => attributes::fd_filestat_get(step),
        Function::FdFilestatSetSize => attributes::fd_filestat_set_size(step),
        Function::FdFilestatSetTimes => attributes::fd_filestat_set_times(step),
        Function::FdPread => reading::fd_pread(step),
        Function::FdPrestatGet => descriptors::fd_prestat_get(step),
        Function::FdPrestatDirName => descriptors::fd_prestat_dir_name(step),
        Function::FdPwrite => writing::fd_pwrite(step),
        Function::FdRead => reading::fd_read(step),
        Function::FdReaddir => readdir::fd_readdir(step),
        Function::FdRenumber => descriptors::fd_renumber(step),
        Function::FdSeek => seeking::fd_seek(step),
        Function::FdSync => data::fd_sync(step),
        Function::FdTell => seeking::fd_tell(step),
        Function::FdWrite => writing::fd_write(step),
        Function::PathCreateDirectory => tree::path_create_directory(step),
        Function::PathFilestatGet => attributes::path_filestat_get(step),
        Function::PathFilestatSetTimes => attributes::path_filestat_set_times(step),
        Function::PathLink => tree::path_link(step),
        Function::PathOpen => open::path_open(step),
        Function::PathReadlink => tree::path_readlink(step),
        Function::PathRemoveDirectory => tree::path_remove_directory(step),
        Function::PathRename => tree::path_rename(step),
        Function::PathSymlink => tree::path_symlink(step),
        Function::PathUnlinkFile => tree::path_unlink_file(step),
        Function::PollOneoff => poll::poll_oneoff(step),
        Function::ProcExit => program::proc_exit(step),
        Function::ProcRaise => program::proc_raise(step),
        Function::SchedYield => program::sched_yield(step),
        Function::RandomGet => program::random_get(step),
        Function::SockAccept => sockets::sock_accept(step),
        Function::SockRecv => sockets::sock_recv(step),
        Function::SockSend => sockets::sock_send(step),
        Function::SockShutdown => sockets::sock_shutdown(step),
    }
}
