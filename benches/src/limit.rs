//! What this machine can do at most.

use candle_core::{Device, Result, Tensor};
use engine::clock::Stopwatch;

/// Billions of operations a second of a product of 1,024 x 1,536 x 1,024 `f32` numbers, an addition and a multiplication counted as two: the
/// best of twenty. On as many threads as candle takes, which `RAYON_NUM_THREADS` says.
pub fn product_limit() -> Result<f64> {
    let (m, k, n) = (1024, 1536, 1024);
    let matrix = |rows: usize, columns: usize| {
        let values: Vec<f32> = (0..rows * columns).map(|i| (i * 7919 % 1013) as f32 / 1013.0 - 0.5).collect();
        Tensor::from_vec(values, (rows, columns), &Device::Cpu)
    };
    let (a, b) = (matrix(m, k)?, matrix(k, n)?);
    let mut least = f64::INFINITY;
    for _ in 0..20 {
        let watch = Stopwatch::start();
        a.matmul(&b)?;
        least = least.min(watch.seconds());
    }
    Ok(2.0 * (m * k * n) as f64 / least * 1e-9)
}

/// Says so on standard error.
#[expect(clippy::print_stderr, reason = "for the programs here, which are for the terminal")]
pub fn tell() {
    match product_limit() {
        Ok(limit) => eprintln!("large matrix products on this machine: {limit:.0} GFLOP/s"),
        Err(error) => eprintln!("no matrix product: {error}"),
    }
}
