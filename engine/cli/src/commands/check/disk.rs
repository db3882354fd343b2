//! Whether the disk space that a file gives to checkpoints can hold what must be there.

use engine::devices::DeviceSlots;

use super::{super::ready::slots, Task};
use crate::{context::Context, exit::Error, progress::text};

/// Refuses less than a checkpoint of the default recipe for each slot: what is trained now never goes, and nothing else would be kept.
pub(super) fn check(task: Task<'_>, devices: &[DeviceSlots], context: &mut Context) -> Result<(), Error> {
    let space = &task.spec.space;
    let (Some(limit), Some(default)) = (space.settings.checkpoint_space_bytes, space.recipes.first()) else { return Ok(()) };
    let (slots, shown) = (slots(devices), text::bytes(limit as f64));
    let one = match task.ready.prepared.needs(&default.config) {
        Ok(needs) => needs.checkpoint_bytes(),
        Err(why) => {
            context.note(format!("whether {shown} is enough for checkpoints is not known: {why}"));
            return Ok(());
        }
    };
    let least = one.saturating_mul(slots as u64);
    if limit >= least {
        return Ok(());
    }
    let each = if slots == 1 { "one must be there".to_owned() } else { format!("{slots} must be there, one for each slot") };
    let message = format!("{shown} is too little for checkpoints: one of the default recipe takes {}, and {each}", text::bytes(one as f64));
    let hint = format!("give {} or more, or leave the limit out", text::bytes(least as f64));
    Err(Error::space(space.places.problem_at("settings.checkpoint_space", message, Some(hint))))
}
