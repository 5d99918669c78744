//! Windows that slide over images: their attributes, and pooling.

use super::call::{Call, Value};
use super::draft::{Drafts, Step};
use super::error::Problem;
use super::names;
use crate::op::{Op, Pool2d};
use crate::shape::pooled_side;

/// Larger kernels, strides and paddings belong to no image.
const LARGEST: usize = 1 << 16;

/// The attributes that convolutions and pooling share, `[height, width]` each.
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    begin: [usize; 2],
    end: [usize; 2],
}

impl Window {
    /// Reads the attributes; `shape` is that of the input, `[C, H, W]`.
    pub fn read(call: &Call, kernel: [usize; 2], shape: &[usize]) -> Result<Self, Problem> {
        let stride = pair(call, "strides")?.unwrap_or([1, 1]);
        let dilation = pair(call, "dilations")?.unwrap_or([1, 1]);
        let mut window = Self { kernel, stride, dilation, begin: [0, 0], end: [0, 0] };
        let same = match call.text("auto_pad").as_deref() {
            None | Some("" | "NOTSET") => {
                if let Some(pads) = call.ints("pads") {
                    let sizes: Vec<usize> = pads.iter().filter_map(|pad| side(*pad)).collect();
                    let [top, left, bottom, right] = sizes[..] else {
                        return Err(Problem::attribute("pads", pads, "four sizes"));
                    };
                    (window.begin, window.end) = ([top, left], [bottom, right]);
                }
                return Ok(window);
            }
            Some("VALID") => return Ok(window),
            Some("SAME_UPPER") => false,
            Some("SAME_LOWER") => true,
            Some(other) => {
                return Err(Problem::attribute("auto_pad", other, "NOTSET, VALID or SAME_UPPER or SAME_LOWER"));
            }
        };
        for i in 0..2 {
            let (size, stride) = (shape[i + 1], window.stride[i].max(1));
            let reach = (size.div_ceil(stride) - 1) * stride + dilation[i] * kernel[i].saturating_sub(1) + 1;
            let total = reach.saturating_sub(size);
            window.begin[i] = if same { total.div_ceil(2) } else { total / 2 };
            window.end[i] = total - window.begin[i];
        }
        Ok(window)
    }

    /// The padding of both sides, if they agree.
    pub fn symmetric(&self, supported: &'static str) -> Result<[usize; 2], Problem> {
        if self.begin == self.end {
            return Ok(self.begin);
        }
        Err(Problem::attribute("pads", [self.begin, self.end], supported))
    }
}

fn side(value: i64) -> Option<usize> {
    usize::try_from(value).ok().filter(|size| *size <= LARGEST)
}

fn pair(call: &Call, name: &'static str) -> Result<Option<[usize; 2]>, Problem> {
    let Some(values) = call.ints(name) else { return Ok(None) };
    match values.iter().filter_map(|value| side(*value)).collect::<Vec<_>>()[..] {
        [height, width] if height > 0 && width > 0 => Ok(Some([height, width])),
        _ => Err(Problem::attribute(name, values, "two positive sizes")),
    }
}

/// `MaxPool` and `AveragePool`.
pub(super) fn pool(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let max = call.node.op_type == "MaxPool";
    let kernel =
        pair(call, "kernel_shape")?.ok_or(Problem::attribute("kernel_shape", "missing", "two positive sizes"))?;
    let mut input = call.traced(0)?.clone();
    let padded = if max { [0, 0] } else { std::mem::take(&mut input.padding) };
    let name = names::of_node(call.node);
    let node = drafts.ranked(&input, &name, 3, "images or their features [N, C, H, W] are needed")?;
    let shape = drafts.nodes[node].shape.clone();
    let window = Window::read(call, kernel, &shape)?;
    if window.dilation != [1, 1] {
        return Err(Problem::attribute("dilations", window.dilation, "[1, 1]"));
    }
    let (own, ceil) = padding(&window, call.int("ceil_mode").unwrap_or(0) != 0, &shape)?;
    let counts = call.int("count_include_pad").unwrap_or(0) != 0;
    if padded != [0, 0] && own != [0, 0] && !counts {
        return Err(Problem::Pattern("zeros of a Pad count and the pooling's own do not: use one of the two"));
    }
    let padding = [own[0] + padded[0], own[1] + padded[1]];
    let exclude_padding = !max && own != [0, 0] && !counts;
    let pool = Pool2d { kernel, stride: window.stride, padding, ceil, exclude_padding };
    let bare = padding == [0, 0];
    let op = match (max, kernel) {
        // What adaptive pooling to the size of the image is exported as.
        (_, [1, 1]) if bare && window.stride == [1, 1] => return Ok(Value::Traced(drafts.value(node))),
        (false, whole) if bare && shape[1..] == whole => Op::GlobalAvgPool,
        (false, _) => Op::AvgPool2d(pool),
        (true, _) => Op::MaxPool2d(pool),
    };
    let node = drafts.add(&name, Step::Op(op), &[node], Vec::new())?;
    Ok(Value::Traced(drafts.value(node)))
}

/// The padding at the beginning, and whether windows may reach over the end: ceil mode, which some files write as padding.
fn padding(window: &Window, ceil: bool, shape: &[usize]) -> Result<([usize; 2], bool), Problem> {
    if window.begin == window.end {
        return Ok((window.begin, ceil));
    }
    let pool = Pool2d { kernel: window.kernel, stride: window.stride, padding: window.begin, ..Pool2d::new(1).ceil() };
    let same_count = |i: usize| {
        let padded = shape[i + 1] + window.begin[i] + window.end[i];
        let windows = padded.checked_sub(window.kernel[i]).map(|rest| rest / window.stride[i] + 1);
        windows.is_some() && windows == pooled_side(&pool, i, shape[i + 1]).ok()
    };
    if !ceil && same_count(0) && same_count(1) {
        return Ok((window.begin, true));
    }
    Err(Problem::attribute(
        "pads",
        [window.begin, window.end],
        "the same on both sides, or what ceil mode adds at the end",
    ))
}

/// `GlobalAveragePool`.
pub(super) fn global_average(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let name = names::of_node(call.node);
    let node = drafts.ranked(call.traced(0)?, &name, 3, "images or their features [N, C, H, W] are needed")?;
    let node = drafts.add(&name, Step::Op(Op::GlobalAvgPool), &[node], Vec::new())?;
    Ok(Value::Traced(drafts.value(node)))
}

/// `ReduceMean` over H and W.
pub(super) fn reduce_mean(drafts: &mut Drafts, call: &Call) -> Result<Value, Problem> {
    let rank = call.traced(0)?.view.axes.len();
    let mut axes = call.axes(1, rank)?.unwrap_or_default();
    axes.sort_unstable();
    if rank != 4 || axes != [2, 3] {
        return Err(Problem::attribute("axes", axes, "the mean over H and W, [2, 3]"));
    }
    let Value::Traced(mut pooled) = global_average(drafts, call)? else { return Err(Problem::MissingInput(0)) };
    if call.int("keepdims") == Some(0) {
        pooled.view.axes.truncate(2);
    }
    Ok(Value::Traced(pooled))
}

/// `Pad` with zeros, which waits for the layer that it belongs to.
pub(super) fn pad(call: &Call) -> Result<Value, Problem> {
    let mut value = call.traced(0)?.clone();
    let pads = call.list(1, "pads")?.unwrap_or_default();
    let zeros = call.number(2, "value")?.unwrap_or(0.0) == 0.0 && call.optional(3).is_none();
    let constant = call.text("mode").is_none_or(|mode| mode == "constant");
    match pads.iter().filter_map(|pad| side(*pad)).collect::<Vec<_>>()[..] {
        [0, 0, top, left, 0, 0, bottom, right] if top == bottom && left == right && zeros && constant => {
            value.padding = [value.padding[0] + top, value.padding[1] + left];
            Ok(Value::Traced(value))
        }
        _ => Err(Problem::attribute("pads", pads, "zeros around H and W, as many on both sides")),
    }
}
