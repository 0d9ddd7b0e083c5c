//! The two engines. The hot one runs the roles of the request path, on a fresh instance for every call; the other one runs `delivery`, whose
//! calls wait. What is compiled for one is compiled for both: they differ in where instances have their memory, and in nothing that the code
//! depends on.

use std::thread;
use std::time::Duration;

use wasmtime::{Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

use crate::limits;

/// How often the clock of deadlines ticks.
const TICK: Duration = Duration::from_millis(1);

/// An engine with `instances` places, and its clock. The clock stops when the engine and all plugins of it are gone.
pub(crate) fn hot(instances: u32) -> Result<Engine> {
    let engine = without_clock(instances)?;
    start_clock(engine.weak())?;
    Ok(engine)
}

/// The same engine where nothing runs: it compiles.
pub(crate) fn without_clock(instances: u32) -> Result<Engine> {
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)));
    Engine::new(bounded(&mut config))
}

/// An engine for calls that wait, and its clock. There are few of them at a time, and each has its memory from the system.
pub(crate) fn delivery() -> Result<Engine> {
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    let engine = Engine::new(bounded(&mut config))?;
    start_clock(engine.weak())?;
    Ok(engine)
}

fn bounded(config: &mut Config) -> &mut Config {
    config
        .epoch_interruption(true)
        .max_wasm_stack(limits::MAX_STACK_BYTES)
        // A mapping is a pure function: also where a processor may choose the bits of a NaN.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        // What no plugin uses can have no bugs.
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_exceptions(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .gc_support(false)
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    // Where the kernel cannot tell which pages were touched, to keep pages costs more than to fetch them again.
    let scan = PoolingAllocationConfig::is_pagemap_scan_available();
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(limits::MAX_CORE_INSTANCES))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(4))
        // Calls are synchronous, on the stack of whoever calls: none is needed, and each is 2 MiB of addresses that can be written to.
        .total_stacks(1)
        .max_core_instances_per_component(limits::MAX_CORE_INSTANCES)
        .max_memories_per_component(limits::MAX_MEMORIES)
        .max_tables_per_component(limits::MAX_TABLES)
        .max_memory_size(limits::MAX_MEMORY_BYTES)
        .table_elements(limits::MAX_TABLE_ELEMENTS)
        .linear_memory_keep_resident(if scan { limits::KEEP_RESIDENT_BYTES } else { 0 })
        .pagemap_scan(Enabled::Auto)
        // A guest's tables are small: to clear what it used is cheaper than to give the pages back, once a table and call.
        .table_keep_resident(limits::KEEP_RESIDENT_TABLE_BYTES)
        // At least one a plugin: a place that is warm for it makes its next call five times cheaper.
        .max_unused_warm_slots(instances);
    pool
}

fn start_clock(engine: EngineWeak) -> std::io::Result<()> {
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new().name("plugin-clock".to_owned()).spawn(tick)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    use super::*;

    #[test]
    fn what_is_compiled_for_one_engine_is_compiled_for_both() {
        let told = |engine: &Engine| {
            let mut hasher = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(told(&without_clock(1).unwrap()), told(&delivery().unwrap()));
    }
}
