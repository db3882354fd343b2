//! A table of learning curves, and a study simulated on it.

use engine::simulator::{SECONDS_A_RUN, Table, simulate, spec};

pub(crate) fn run(bytes: &[u8]) {
    let table = match Table::read(bytes) {
        Ok(table) => table,
        Err(error) => return drop(error.to_string()),
    };
    let mut space = table.space();
    space.settings.trials = 12;
    let spec = match spec(space, &table) {
        Ok(spec) => spec,
        Err(problem) => return drop(problem.to_string()),
    };
    let simulated = simulate(&spec, &table, 2, 4.0 * SECONDS_A_RUN).expect("a simulation meets no errors");
    for (_, value) in simulated.incumbents(table.objective) {
        table.regret(Some(value));
    }
}
