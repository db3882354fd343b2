//! Affine maps.

use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor, bail};

use super::{
    backward::{apply3, gradient_of},
    host::{View, elements, fused},
    parallel::{column_sums, filled, rows_per_chunk},
    product::{Into, Matrix, new_product, product},
};

/// `x w^T + b` for `x` `[.., in]`, `w` `[out, in]` and `b` `[out]`; gives `[.., out]`. (`torch.nn.functional.linear`.)
pub fn linear(x: &Tensor, w: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (out, features) = w.dims2()?;
    if x.dims().last() != Some(&features) || b.dims() != [out] {
        bail!("linear: x {:?} and b {:?} do not fit w {:?}", x.shape(), b.shape(), w.shape());
    }
    if fused(&[x, w, b]) { apply3(&x.contiguous()?, &w.contiguous()?, &b.contiguous()?, Linear) } else { composed(x, w, b) }
}

pub(super) fn composed(x: &Tensor, w: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (out, features) = w.dims2()?;
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = out;
    }
    x.reshape(((), features))?.matmul(&w.t()?)?.broadcast_add(b)?.reshape(shape)
}

struct Linear;

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (out, features) = w_layout.shape().dims2()?;
        let rows = x_layout.shape().elem_count() / features;
        let bias = elements(b, b_layout)?;
        let mut y = filled(rows * out, rows_per_chunk(out) * out, |_, y| y.chunks_exact_mut(out).for_each(|y| y.copy_from_slice(bias)));
        let x = Matrix::new(elements(x, x_layout)?, rows, features);
        let w = Matrix::new(elements(w, w_layout)?, out, features);
        product(&mut y, out, x, w.transposed(), 1.0, Into::Add, rayon::current_num_threads());
        let mut shape = x_layout.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = out;
        }
        Ok((CpuStorage::F32(y), Shape::from(shape)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (out, features) = w.dims2()?;
        let gradient = gradient.contiguous()?;
        let g = View::new(&gradient)?;
        let rows = g.len() / out;
        let threads = rayon::current_num_threads();
        let g_matrix = Matrix::new(&g, rows, out);
        let mut dx = None;
        if x.track_op() {
            let w = View::new(w)?;
            let d = new_product(g_matrix, Matrix::new(&w, out, features), threads);
            dx = gradient_of(x, Tensor::from_vec(d, x.shape(), &Device::Cpu)?)?;
        }
        let mut dw = None;
        if w.track_op() {
            let x = View::new(x)?;
            let d = new_product(g_matrix.transposed(), Matrix::new(&x, rows, features), threads);
            dw = gradient_of(w, Tensor::from_vec(d, w.shape(), &Device::Cpu)?)?;
        }
        let mut db = None;
        if b.track_op() {
            db = gradient_of(b, Tensor::from_vec(column_sums(&g, out), b.shape(), &Device::Cpu)?)?;
        }
        Ok((dx, dw, db))
    }
}
