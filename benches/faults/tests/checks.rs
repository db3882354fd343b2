//! The harness itself: that its checks find what they are for. What it finds out about the program is for `faults all`, in CI.

use std::process::Command;

#[test]
fn the_checks_find_every_damage_they_are_for() {
    let output = Command::new(env!("CARGO_BIN_EXE_faults")).arg("selfcheck").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("a checkpoint is torn"), "{told}");
}
