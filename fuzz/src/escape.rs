//! An input that gets out of a sandbox. Whoever uses the runtime is to have a mended one before anybody sees how, so the input is kept in a local
//! folder, and neither a message nor libFuzzer, which prints what it was doing when a process ends, shows it.

use std::fs;

/// How a process ends that found a way out.
const FOUND: i32 = 77;

/// Keeps an input, and ends this process at once.
pub(crate) fn keep(input: &[u8], runtimes: &[&str]) -> ! {
    let folder = std::env::temp_dir().join("touchstone-escapes");
    let path = folder.join(format!("input-{}", std::process::id()));
    let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input));
    let kept = kept
        .map_or_else(|error| format!("it could not be kept in {}: {error}", path.display()), |()| format!("it is in {}", path.display()));
    eprintln!("an input got out of the sandbox of {}; {kept}. Report it to the security contact first", runtimes.join(" and "));
    // SAFETY: nothing of this process is needed any more. What is done at an ordinary end would show the input.
    unsafe { libc::_exit(FOUND) }
}
