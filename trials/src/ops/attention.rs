//! Scaled dot-product attention with several heads (Vaswani et al. 2017).

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp3, D, DType, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{
    backward::{apply3, gradient_of},
    dropout::{Dropout, Mask, MaskChunk},
    host::{View, elements, fused},
    product::{Into, Matrix, product},
    simd::{exp, max, sum_of, sum_of_pairs, vectorized},
};

/// How many heads `hidden` is split into, and the dropout on their probabilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heads {
    /// Divides `hidden`.
    pub count: usize,
    pub dropout: Dropout,
}

/// For every head, `softmax(q k^T / sqrt(hidden / heads)) v`, with `q` `[batch, queries, hidden]`, `k` and `v`
/// `[batch, tokens, hidden]` and `mask` `[batch, tokens]` (`f32`, 1 for a token, 0 for padding that nobody attends to); gives
/// `[batch, queries, hidden]`. A head is a run of `hidden / heads` columns. No gradient goes to the mask.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: &Tensor, heads: Heads) -> Result<Tensor> {
    let (batch, _, hidden) = q.dims3()?;
    let tokens = k.dims3()?.1;
    if k.dims() != [batch, tokens, hidden] || v.dims() != k.dims() || mask.dims() != [batch, tokens] || mask.dtype() != DType::F32 {
        bail!("attention: q {:?}, k {:?}, v {:?} and mask {:?} do not fit", q.shape(), k.shape(), v.shape(), mask.shape());
    }
    if heads.count == 0 || !hidden.is_multiple_of(heads.count) || tokens == 0 {
        bail!("attention: {} heads over q {:?} and {tokens} tokens", heads.count, q.shape());
    }
    let dropout = heads.dropout.mask()?;
    if !fused(&[q, k, v]) {
        return composed(q, k, v, mask, heads);
    }
    let mask = mask.flatten_all()?.to_vec1()?;
    let tracked = q.track_op() || k.track_op() || v.track_op();
    let op = Attention { heads: heads.count, mask, dropout, probabilities: tracked.then(OnceLock::new) };
    apply3(&q.contiguous()?, &k.contiguous()?, &v.contiguous()?, op)
}

pub(super) fn composed(q: &Tensor, k: &Tensor, v: &Tensor, mask: &Tensor, heads: Heads) -> Result<Tensor> {
    let (batch, queries, hidden) = q.dims3()?;
    let tokens = k.dims3()?.1;
    let width = hidden / heads.count;
    let split = |x: &Tensor| x.reshape((batch, (), heads.count, width))?.transpose(1, 2)?.contiguous();
    let scores = (split(q)?.matmul(&split(k)?.t()?.contiguous()?)? * (width as f64).powf(-0.5))?;
    let penalty = ((mask.detach() - 1.0)? * f64::from(f32::MAX))?.reshape((batch, 1, 1, tokens))?.to_dtype(q.dtype())?;
    let mut probabilities = candle_nn::ops::softmax(&scores.broadcast_add(&penalty)?, D::Minus1)?;
    if let Some(mask) = heads.dropout.mask()? {
        let factors = mask.factors(batch * heads.count * queries * tokens, queries * tokens);
        let factors = Tensor::from_vec(factors, (batch, heads.count, queries, tokens), q.device())?;
        probabilities = probabilities.mul(&factors.to_dtype(q.dtype())?)?;
    }
    probabilities.matmul(&split(v)?)?.transpose(1, 2)?.reshape((batch, queries, hidden))
}

struct Attention {
    heads: usize,
    /// `[batch, tokens]`.
    mask: Vec<f32>,
    dropout: Option<Mask>,
    /// `[batch, heads, queries, tokens]` before dropout, kept for backward; `None`: there will be none.
    probabilities: Option<OnceLock<Vec<f32>>>,
}

#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    queries: usize,
    tokens: usize,
    hidden: usize,
    heads: usize,
    /// Of a head.
    width: usize,
    scale: f32,
}

impl Sizes {
    fn new(q: &Shape, k: &Shape, heads: usize) -> Result<Sizes> {
        let (batch, queries, hidden) = q.dims3()?;
        let (_, tokens, _) = k.dims3()?;
        let width = hidden / heads;
        Ok(Sizes { batch, queries, tokens, hidden, heads, width, scale: 1.0 / (width as f32).sqrt() })
    }

    /// Elements of one example's queries, of its keys, and of its probabilities of all heads.
    fn example(&self) -> (usize, usize, usize) {
        (self.queries * self.hidden, self.tokens * self.hidden, self.heads * self.queries * self.tokens)
    }

    /// One head of one example's `[rows, hidden]`.
    fn head<'a>(&self, x: &'a [f32], rows: usize, head: usize) -> Matrix<'a> {
        Matrix::strided(&x[head * self.width..], rows, self.width, self.hidden)
    }

    /// `[queries, tokens]`.
    fn square<'a>(&self, x: &'a [f32]) -> Matrix<'a> {
        Matrix::new(x, self.queries, self.tokens)
    }
}

vectorized! {
    /// Softmax of every row of scores where the mask is set; 0 elsewhere.
    fn softmax_rows(scores: &mut [f32], mask: &[f32]) {
        for row in scores.chunks_exact_mut(mask.len()) {
            for (s, &m) in row.iter_mut().zip(mask) {
                *s += (m - 1.0) * f32::MAX;
            }
            let highest = max(row);
            for s in row.iter_mut() {
                *s = exp(*s - highest);
            }
            let factor = 1.0 / sum_of(row, |e| e);
            for s in row.iter_mut() {
                *s *= factor;
            }
        }
    }
}

vectorized! {
    fn drop_probabilities(dropped: &mut [f32], probabilities: &[f32], mask: MaskChunk) {
        for (i, (d, &p)) in dropped.iter_mut().zip(probabilities).enumerate() {
            *d = p * mask.factor(i as u32);
        }
    }
}

vectorized! {
    fn drop_in_place(gradient: &mut [f32], mask: MaskChunk) {
        for (i, g) in gradient.iter_mut().enumerate() {
            *g *= mask.factor(i as u32);
        }
    }
}

vectorized! {
    /// Gradient of the scores from that of the probabilities `p`, in place: `p * (g - sum(g * p))` by rows.
    fn softmax_gradient(gradient: &mut [f32], probabilities: &[f32], tokens: usize) {
        for (g, p) in gradient.chunks_exact_mut(tokens).zip(probabilities.chunks_exact(tokens)) {
            let total = sum_of_pairs(g, p, |g, p| g * p);
            for (g, &p) in g.iter_mut().zip(p) {
                *g = p * (*g - total);
            }
        }
    }
}

impl Attention {
    /// One example: `context` `[queries, hidden]` and its `probabilities` `[heads, queries, tokens]`.
    fn example(&self, s: &Sizes, index: usize, context: &mut [f32], probabilities: &mut [f32], inputs: Inputs) {
        let Inputs { q, k, v } = inputs;
        let square = s.queries * s.tokens;
        let mask = &self.mask[index * s.tokens..(index + 1) * s.tokens];
        let mut dropped = vec![0f32; if self.dropout.is_some() { square } else { 0 }];
        for (head, p) in probabilities.chunks_exact_mut(square).enumerate() {
            let keys = s.head(k, s.tokens, head).transposed();
            product(p, s.tokens, s.head(q, s.queries, head), keys, s.scale, Into::Overwrite, 1);
            softmax_rows(p, mask);
            let used: &[f32] = match self.dropout {
                Some(dropout) => {
                    drop_probabilities(&mut dropped, p, dropout.chunk(index * s.heads + head));
                    &dropped
                }
                None => p,
            };
            let values = s.head(v, s.tokens, head);
            product(&mut context[head * s.width..], s.hidden, s.square(used), values, 1.0, Into::Overwrite, 1);
        }
    }

    /// Gradients of one example's `q`, `k` and `v` from `g` `[queries, hidden]`.
    fn example_backward(&self, s: &Sizes, index: usize, out: Gradients, g: &[f32], probabilities: &[f32], inputs: Inputs) {
        let square = s.queries * s.tokens;
        let Inputs { q, k, v } = inputs;
        let Gradients { q: dq, k: dk, v: dv } = out;
        let mut scores = vec![0f32; square];
        let mut dropped = vec![0f32; if self.dropout.is_some() { square } else { 0 }];
        for (head, p) in probabilities.chunks_exact(square).enumerate() {
            let mask = self.dropout.map(|dropout| dropout.chunk(index * s.heads + head));
            let used: &[f32] = match mask {
                Some(mask) => {
                    drop_probabilities(&mut dropped, p, mask);
                    &dropped
                }
                None => p,
            };
            let (g, start) = (s.head(g, s.queries, head), head * s.width);
            product(&mut dv[start..], s.hidden, s.square(used).transposed(), g, 1.0, Into::Overwrite, 1);
            product(&mut scores, s.tokens, g, s.head(v, s.tokens, head).transposed(), 1.0, Into::Overwrite, 1);
            if let Some(mask) = mask {
                drop_in_place(&mut scores, mask);
            }
            softmax_gradient(&mut scores, p, s.tokens);
            product(&mut dq[start..], s.hidden, s.square(&scores), s.head(k, s.tokens, head), s.scale, Into::Overwrite, 1);
            let queries = s.head(q, s.queries, head);
            product(&mut dk[start..], s.hidden, s.square(&scores).transposed(), queries, s.scale, Into::Overwrite, 1);
        }
    }
}

/// What backward of one example writes.
struct Gradients<'a> {
    q: &'a mut [f32],
    k: &'a mut [f32],
    v: &'a mut [f32],
}

/// One example's.
#[derive(Clone, Copy)]
struct Inputs<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let s = Sizes::new(q_layout.shape(), k_layout.shape(), self.heads)?;
        let (q, k, v) = (elements(q, q_layout)?, elements(k, k_layout)?, elements(v, v_layout)?);
        let (for_q, for_k, for_p) = s.example();
        let mut context = vec![0f32; q.len()];
        let inputs = q.par_chunks(for_q).zip(k.par_chunks(for_k).zip(v.par_chunks(for_k)));
        if let Some(kept) = &self.probabilities {
            let mut probabilities = vec![0f32; s.batch * for_p];
            context.par_chunks_mut(for_q).zip(probabilities.par_chunks_mut(for_p)).zip(inputs).enumerate().for_each(
                |(index, ((context, p), (q, (k, v))))| {
                    self.example(&s, index, context, p, Inputs { q, k, v });
                },
            );
            if kept.set(probabilities).is_err() {
                bail!("an attention operation ran twice");
            }
        } else {
            context.par_chunks_mut(for_q).zip(inputs).enumerate().for_each(|(index, (context, (q, (k, v))))| {
                self.example(&s, index, context, &mut vec![0f32; for_p], Inputs { q, k, v });
            });
        }
        Ok((CpuStorage::F32(context), q_layout.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _context: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(probabilities) = self.probabilities.as_ref().and_then(OnceLock::get) else {
            bail!("attention kept no probabilities for its backward")
        };
        let s = Sizes::new(q.shape(), k.shape(), self.heads)?;
        let (for_q, for_k, for_p) = s.example();
        let gradient = gradient.contiguous()?;
        let (g, q_view, k_view, v_view) = (View::new(&gradient)?, View::new(q)?, View::new(k)?, View::new(v)?);
        let (mut dq, mut dk, mut dv) = (vec![0f32; q_view.len()], vec![0f32; k_view.len()], vec![0f32; k_view.len()]);
        let (g, q_data, k_data, v_data): (&[f32], &[f32], &[f32], &[f32]) = (&g, &q_view, &k_view, &v_view);
        dq.par_chunks_mut(for_q).zip(dk.par_chunks_mut(for_k).zip(dv.par_chunks_mut(for_k))).enumerate().for_each(
            |(index, (q, (k, v)))| {
                let of_queries = index * for_q..(index + 1) * for_q;
                let of_tokens = index * for_k..(index + 1) * for_k;
                let inputs = Inputs { q: &q_data[of_queries.clone()], k: &k_data[of_tokens.clone()], v: &v_data[of_tokens] };
                let p = &probabilities[index * for_p..(index + 1) * for_p];
                self.example_backward(&s, index, Gradients { q, k, v }, &g[of_queries], p, inputs);
            },
        );
        let hand_over = |x: &Tensor, d: Vec<f32>| {
            if x.track_op() { gradient_of(x, Tensor::from_vec(d, x.shape(), &Device::Cpu)?) } else { Ok(None) }
        };
        Ok((hand_over(q, dq)?, hand_over(k, dk)?, hand_over(v, dv)?))
    }
}
