//! What is measured: scripts of 20 calls in a world of 30 entries, with the answers of the reference.

use touchstone_model::capture::{GuestMemory, output_addresses};
use touchstone_model::trace::TraceCall;
use touchstone_model::world::{NodeKind, World};
use touchstone_oracle::check::Said;
use touchstone_oracle::prefer::Clocks;
use touchstone_oracle::{Answer, Checker, Host, Reference};
use touchstone_spec::Function;
use touchstone_spec::consts::{lookupflags, oflags, rights, whence};

/// Bytes of memory that a script's guest has.
const MEMORY_BYTES: usize = 1 << 16;

/// The first preopen.
const ROOT: u64 = 3;

/// A world with 30 entries: folders in folders, files of some hundred bytes, links.
pub fn world() -> World {
    let mut world = World::default();
    let tree = &mut world.preopens[0].tree.0;
    for folder in ["docs", "src", "src/deep", "data"] {
        tree.insert(folder.to_owned(), NodeKind::Directory.into());
        for index in 0..6 {
            let text = format!("{folder} {index}\n").repeat(20);
            tree.insert(format!("{folder}/file-{index}"), NodeKind::File(text.into_bytes()).into());
        }
    }
    tree.insert("link".to_owned(), NodeKind::Symlink("src/deep".to_owned()).into());
    tree.insert("readme".to_owned(), NodeKind::Symlink("docs/file-0".to_owned()).into());
    world
}

/// Calls that a program makes, each with what the reference answers.
///
/// # Panics
///
/// If the reference answers anything but success, so that something else would be measured.
pub fn script(world: &World) -> Vec<TraceCall> {
    let mut guest = Guest::new(world);
    let [file, folder] = [4, 4];
    guest.call(Function::FdPrestatGet, &[ROOT, 0]);
    guest.call(Function::FdPrestatDirName, &[ROOT, 64, 5]);
    guest.path(Function::PathFilestatGet, "docs/file-3", |path, len| vec![ROOT, lookupflags::SYMLINK_FOLLOW, path, len, 128]);
    guest.open("docs/file-3", 0, rights::FD_READ | rights::FD_SEEK | rights::FD_TELL);
    guest.buffers(Function::FdRead, file, &[64, 100]);
    guest.call(Function::FdTell, &[file, 0]);
    guest.call(Function::FdSeek, &[file, 0, whence::END, 0]);
    guest.call(Function::FdClose, &[file]);
    guest.path(Function::PathCreateDirectory, "new", |path, len| vec![ROOT, path, len]);
    guest.open("new/log", oflags::CREAT, rights::FD_WRITE | rights::FD_SEEK | rights::FD_TELL | rights::FD_FILESTAT_GET);
    guest.buffers(Function::FdWrite, file, &[40]);
    guest.buffers(Function::FdWrite, file, &[40, 40]);
    guest.call(Function::FdSeek, &[file, 8, whence::SET, 0]);
    guest.call(Function::FdFilestatGet, &[file, 128]);
    guest.call(Function::FdClose, &[file]);
    guest.rename("new/log", "src/deep/log");
    guest.open("link", oflags::DIRECTORY, rights::FD_READDIR);
    guest.call(Function::FdReaddir, &[folder, 4096, 1024, 0, 0]);
    guest.call(Function::FdClose, &[folder]);
    guest.path(Function::PathFilestatGet, "link/log", |path, len| vec![ROOT, 0, path, len, 128]);
    guest.calls
}

/// Judges a script, from the world that it starts in to its last call. Gives how many calls were accepted.
///
/// # Panics
///
/// If a script of [`script`] leaves open so much that its states are too many, which it does not.
pub fn accepted(world: &World, script: &[TraceCall]) -> usize {
    let mut checker = Checker::new(world, Host::LINUX);
    script.iter().filter(|call| checker.call(call).expect("few states") == Said::Accepted).count()
}

/// A guest that asks the reference.
struct Guest {
    reference: Reference,
    memory: Vec<u8>,
    calls: Vec<TraceCall>,
}

impl Guest {
    fn new(world: &World) -> Guest {
        Guest { reference: Reference::new(world, Host::LINUX, 1), memory: vec![0; MEMORY_BYTES], calls: Vec::new() }
    }

    fn call(&mut self, function: Function, args: &[u64]) {
        let inputs = GuestMemory(&self.memory).inputs(function, args);
        let mut call = TraceCall { function, memory_bytes: MEMORY_BYTES as u64, args: args.to_vec(), inputs, outcome: None };
        // each call a microsecond after the one before it, in the year 2020
        let now = 1_577_836_800_000_000_000 + self.calls.len() as u64 * 1000;
        let Answer::Returns(outcome) = self.reference.call(&call, Clocks { realtime: now, monotonic: now, cpu: 0 }) else {
            panic!("{} does not come back", function.name());
        };
        assert_eq!(outcome.errno, 0, "{}", function.name());
        for (address, output) in output_addresses(function, &call.args, call.inputs.first()).into_iter().zip(&outcome.outputs) {
            self.put(address, output.kept());
        }
        call.outcome = Some(outcome);
        self.calls.push(call);
    }

    fn put(&mut self, address: u64, bytes: &[u8]) {
        let start = usize::try_from(address).unwrap_or(usize::MAX);
        self.memory[start..start + bytes.len()].copy_from_slice(bytes);
    }

    fn path(&mut self, function: Function, path: &str, args: impl FnOnce(u64, u64) -> Vec<u64>) {
        self.put(8192, path.as_bytes());
        self.call(function, &args(8192, path.len() as u64));
    }

    fn open(&mut self, path: &str, oflags: u64, rights: u64) {
        let follow = lookupflags::SYMLINK_FOLLOW;
        self.path(Function::PathOpen, path, |path, len| vec![ROOT, follow, path, len, oflags, rights, rights, 0, 16]);
    }

    fn rename(&mut self, old: &str, new: &str) {
        self.put(12288, new.as_bytes());
        self.path(Function::PathRename, old, |path, len| vec![ROOT, path, len, ROOT, 12288, new.len() as u64]);
    }

    /// A call with buffers of these lengths, one behind the other.
    fn buffers(&mut self, function: Function, fd: u64, lengths: &[u32]) {
        let mut address: u32 = 16384;
        for (at, len) in (512..).step_by(8).zip(lengths) {
            self.put(at, &address.to_le_bytes());
            self.put(at + 4, &len.to_le_bytes());
            address += len;
        }
        self.call(function, &[fd, 512, lengths.len() as u64, 24]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_what_was_promised() {
        let world = world();
        assert_eq!(world.preopens[0].tree.0.len(), 30);
        let script = script(&world);
        assert_eq!((script.len(), accepted(&world, &script)), (20, 20));
    }
}
