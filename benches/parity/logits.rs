//! Largest difference between our logits of a BERT folder and transformers', which `logits.py` wrote: that
//! says how to run both.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::{env, error::Error, path::Path};

use candle_core::Device;
use engine::streams::{Purpose, stream};
use trials::{
    data::batch::{Batch, Inputs},
    models::{BaseModel, Pass, bert::BertBase},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, expected] = &arguments[..] else { return Err("usage: MODEL_DIR OUT.safetensors".into()) };
    let expected = candle_core::safetensors::load(expected, &Device::Cpu)?;
    let get = |name: &str| expected.get(name).cloned().ok_or(format!("no tensor {name} in the file"));
    let base = BertBase::load(Path::new(folder), &Device::Cpu)?;
    let logits = get("logits")?;
    let (texts, classes) = logits.dims2()?;
    let mut model = base.instantiate(classes, &mut stream(0, 0, Purpose::HeadWeights))?;
    let head = model.blocks().len() - 1;
    model.parameters_mut().thaw_from(head)?;
    for (parameter, var) in model.parameters().thawed() {
        var.set(&get(&parameter.name)?)?;
    }
    let (ids, types, mask) = (get("ids")?, get("types")?, get("mask")?);
    let tokens = ids.dims()[1];
    let batch = Batch::new(Inputs::Tokens { ids, types, mask }, vec![0; texts], &Device::Cpu)?;
    let found = model.forward(&batch, &Pass::evaluation())?;
    let difference = (found - &logits)?.abs()?.max_all()?.to_scalar::<f32>()?;
    println!("{texts} texts, {tokens} tokens at most: largest difference of a logit {difference:.2e}");
    println!("logits lie in {:.3} .. {:.3}", logits.min_all()?.to_scalar::<f32>()?, logits.max_all()?.to_scalar::<f32>()?);
    Ok(())
}
