//! Compiled modules, kept by the hash of their bytes so that a worker compiles each once.

use std::collections::VecDeque;

use touchstone_model::bounds::COMPILED_MODULES;

use crate::Module;

/// The modules that were used last, in the form `M` in which an engine starts them.
pub(crate) struct Cache<M> {
    /// The most recently used is at the front. There are so few that a search costs less than a map's hashing.
    modules: VecDeque<([u8; 32], M)>,
}

impl<M: Clone> Cache<M> {
    pub(crate) fn new() -> Self {
        Cache { modules: VecDeque::with_capacity(COMPILED_MODULES) }
    }

    /// The compiled form of a module; `compile` makes it if it is not there. A failure is not kept.
    pub(crate) fn get_or_compile<E>(&mut self, module: &Module, compile: impl FnOnce(&[u8]) -> Result<M, E>) -> Result<M, E> {
        let known = self.modules.iter().position(|(hash, _)| *hash == module.hash);
        let (hash, compiled) = match known.and_then(|at| self.modules.remove(at)) {
            Some(entry) => entry,
            None => (module.hash, compile(&module.bytes)?),
        };
        self.modules.truncate(COMPILED_MODULES - 1);
        self.modules.push_front((hash, compiled.clone()));
        Ok(compiled)
    }
}

#[cfg(test)]
mod tests {
    use super::{COMPILED_MODULES, Cache, Module};

    fn module(number: usize) -> Module {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_le_bytes());
        Module { hash, bytes: [].into() }
    }

    #[test]
    fn keeps_what_was_used_last() {
        let mut cache = Cache::new();
        for number in 0..COMPILED_MODULES {
            cache.get_or_compile(&module(number), |_| Ok::<_, ()>(number)).unwrap();
        }
        assert_eq!(cache.get_or_compile(&module(0), |_| Err(())), Ok(0), "the first is still there, and is now the newest");
        cache.get_or_compile(&module(COMPILED_MODULES), |_| Ok::<_, ()>(COMPILED_MODULES)).unwrap();
        assert_eq!(cache.get_or_compile(&module(0), |_| Err(())), Ok(0));
        assert_eq!(cache.get_or_compile(&module(1), |_| Err(())), Err(()), "the oldest had to go");
    }
}
