//! `sock_accept`, `sock_recv`, `sock_send`, `sock_shutdown`: no world has a socket yet, so each descriptor is something else.

use touchstone_spec::clause;
use touchstone_spec::consts::{riflags, rights, sdflags};

use super::descriptors::FDFLAGS;
use crate::step::{Flow, Step, Stop};

pub(crate) fn sock_accept(step: &mut Step<'_>) -> Flow {
    step.unknown_bits(1, FDFLAGS, clause!("sock_accept.unknown-flags"));
    let fd = step.fd(0, clause!("sock_accept.bad-fd"))?;
    step.right(fd, rights::SOCK_ACCEPT);
    step.applies(clause!("sock_accept.not-a-socket"));
    step.wrong_type();
    step.succeeds()?;
    Err(Stop::Unjudged)
}

pub(crate) fn sock_recv(step: &mut Step<'_>) -> Flow {
    step.unknown_bits(3, riflags::RECV_PEEK | riflags::RECV_WAITALL, clause!("sock_recv.unknown-flags"));
    let fd = step.fd(0, clause!("sock_recv.bad-fd"))?;
    step.rights(fd, rights::FD_READ, clause!("rights.sock-recv-send"));
    step.applies(clause!("sock_recv.not-a-socket"));
    step.wrong_type();
    step.succeeds()?;
    Err(Stop::Unjudged)
}

pub(crate) fn sock_send(step: &mut Step<'_>) -> Flow {
    if step.arg(3) != 0 {
        step.applies(clause!("sock_send.flags"));
    }
    let fd = step.fd(0, clause!("sock_send.bad-fd"))?;
    step.rights(fd, rights::FD_WRITE, clause!("rights.sock-recv-send"));
    step.applies(clause!("sock_send.not-a-socket"));
    step.wrong_type();
    step.succeeds()?;
    Err(Stop::Unjudged)
}

pub(crate) fn sock_shutdown(step: &mut Step<'_>) -> Flow {
    let how = step.arg(1);
    if how == 0 {
        step.applies(clause!("sock_shutdown.no-direction"));
    }
    step.unknown_bits(1, sdflags::RD | sdflags::WR, clause!("sock_shutdown.unknown-flags"));
    let fd = step.fd(0, clause!("sock_shutdown.bad-fd"))?;
    step.right(fd, rights::SOCK_SHUTDOWN);
    step.applies(clause!("sock_shutdown.not-a-socket"));
    step.wrong_type();
    step.succeeds()?;
    Err(Stop::Unjudged)
}
