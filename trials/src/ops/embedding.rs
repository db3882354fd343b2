//! Look-up of rows.

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, bail};

use super::{
    backward::{apply1, gradient_of},
    host::{View, elements, fused},
    parallel::{filled, part},
};

/// Rows `ids` (`u32`, any shape) of `table` `[rows, width]`; gives `[.., width]`.
///
/// # Errors
/// An id that has no row.
pub fn embedding(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    if table.rank() != 2 || ids.dtype() != DType::U32 {
        bail!("embedding: a table {:?} and {:?} ids do not fit", table.shape(), ids.dtype());
    }
    if !fused(&[table]) {
        return composed(table, ids);
    }
    let op = Lookup { ids: ids.flatten_all()?.to_vec1()?, shape: ids.dims().to_vec() };
    apply1(&table.contiguous()?, op)
}

pub(super) fn composed(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let mut shape = ids.dims().to_vec();
    shape.push(table.dims2()?.1);
    table.index_select(&ids.flatten_all()?, 0)?.reshape(shape)
}

struct Lookup {
    ids: Vec<u32>,
    shape: Vec<usize>,
}

impl CustomOp1 for Lookup {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn cpu_fwd(&self, table: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let table = elements(table, layout)?;
        if let Some(id) = self.ids.iter().find(|&&id| id as usize >= rows) {
            bail!("embedding: id {id} is outside a table of {rows} rows");
        }
        let y = filled(self.ids.len() * width, width, |index, y| y.copy_from_slice(part(table, width, self.ids[index] as usize)));
        let mut shape = self.shape.clone();
        shape.push(width);
        Ok((CpuStorage::F32(y), Shape::from(shape)))
    }

    fn bwd(&self, table: &Tensor, _y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (rows, width) = table.dims2()?;
        let gradient = gradient.contiguous()?;
        let g = View::new(&gradient)?;
        let mut d = vec![0f32; rows * width];
        for (&id, g) in self.ids.iter().zip(g.chunks_exact(width.max(1))) {
            let row = &mut d[id as usize * width..(id as usize + 1) * width];
            for (d, &g) in row.iter_mut().zip(g) {
                *d += g;
            }
        }
        gradient_of(table, Tensor::from_vec(d, (rows, width), &Device::Cpu)?)
    }
}
