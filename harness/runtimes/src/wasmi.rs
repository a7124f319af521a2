//! wasmi with `wasmi_wasi`, whose WASI is `wasi-common`, the implementation that wasmtime had before its present one.

use std::fs::File;
use std::os::fd::OwnedFd;

use anyhow::Context;
use rustix::net::AddressFamily;
use rustix::net::sockopt::{socket_acceptconn, socket_domain};
use wasmi_wasi::wasi_common::file::FileAccessMode;
use wasmi_wasi::wasi_common::sync::net::Socket;
use wasmi_wasi::wasi_common::sync::{dir, file};
use wasmi_wasi::{Dir, WasiCtx, WasiCtxBuilder, WasiDir, WasiFile, ambient_authority};

use crate::interpreter::Interpreter;
use crate::{Given, HostPreopen, Live, Ran, Run, Runtime};

struct Wasmi(Interpreter<WasiCtx>);

pub(crate) fn start() -> anyhow::Result<Box<dyn Runtime>> {
    let interpreter = Interpreter::new(|linker| Ok(wasmi_wasi::add_to_linker(linker, |context| context)?))?;
    Ok(Box::new(Wasmi(interpreter)))
}

impl Runtime for Wasmi {
    fn run(&mut self, run: Run) -> anyhow::Result<Ran> {
        let context = context(run.given)?;
        self.0.run(&run.guest, context)
    }

    fn prepare(&mut self, module: &crate::Module) -> anyhow::Result<()> {
        self.0.prepare(module)
    }

    fn keep(&mut self, run: Run) -> anyhow::Result<Box<dyn Live + '_>> {
        let context = context(run.given)?;
        self.0.keep(&run.guest, context)
    }
}

/// What the guest is given.
fn context(given: Given) -> anyhow::Result<WasiCtx> {
    let mut builder = WasiCtxBuilder::new();
    builder.args(&given.args)?.envs(&given.env)?;
    builder.stdin(stdio(given.stdin)).stdout(stdio(given.stdout)).stderr(stdio(given.stderr));
    let context = builder.build();
    for preopen in &given.preopens {
        context.push_preopened_dir(directory(preopen)?, &preopen.guest)?;
    }
    for fd in given.sockets {
        context.push_file(socket(fd)?, FileAccessMode::READ | FileAccessMode::WRITE)?;
    }
    Ok(context)
}

/// `wasi-common`'s own file type, for pipes too: it reads and writes the fd directly, without a buffer, and it can be polled.
/// Its virtual pipes (`ReadPipe`, `WritePipe`) cannot, and the type behind `inherit_stdin`, which wasmi's CLI uses, exists
/// only for the process's own fd 0, with a buffer that would outlive the run.
fn stdio(fd: OwnedFd) -> Box<dyn WasiFile> {
    let file = cap_std::fs::File::from_std(File::from(fd));
    Box::new(file::File::from_cap_std(file))
}

/// The type that `WasiCtxBuilder::preopened_socket` takes, for a socket of either domain.
fn socket(fd: OwnedFd) -> anyhow::Result<Box<dyn WasiFile>> {
    use cap_std::net::{TcpListener, TcpStream};
    use cap_std::os::unix::net::{UnixListener, UnixStream};
    let listens = socket_acceptconn(&fd).context("cannot look at a socket")?;
    let is_unix = socket_domain(&fd).context("cannot look at a socket")? == AddressFamily::UNIX;
    let socket = match (listens, is_unix) {
        (true, true) => Socket::UnixListener(UnixListener::from_std(fd.into())),
        (true, false) => Socket::TcpListener(TcpListener::from_std(fd.into())),
        (false, true) => Socket::UnixStream(UnixStream::from_std(fd.into())),
        (false, false) => Socket::TcpStream(TcpStream::from_std(fd.into())),
    };
    Ok(socket.into())
}

/// `wasi-common` has no read-only preopens: every one can be written, which the probe of that feature finds out.
fn directory(preopen: &HostPreopen) -> anyhow::Result<Box<dyn WasiDir>> {
    let directory = Dir::open_ambient_dir(&preopen.host, ambient_authority())
        .with_context(|| format!("cannot open the preopen {}", preopen.host.display()))?;
    Ok(Box::new(dir::Dir::from_cap_std(directory)))
}
