//! Values that were reshaped, permuted or cut, as views of a value that an op of sweep computed.
//!
//! Exporters write one op of PyTorch as several that only move numbers: a channel shuffle is Reshape–Transpose–Reshape, a
//! squeeze a Reshape, attention a dozen of both. A [`View`] follows them symbolically. Each of its axes is a product of
//! *atoms*, which are factors of the axes of the underlying value; reshaping splits and regroups atoms, permuting moves them.
//! In the end the sequence of atoms tells what happened: `[N, (c g), H, W]` with `C = g·c` is a shuffle with `g` groups,
//! `[N, (H W), C]` are tokens.

/// Part of an axis of the underlying value: the indices `(i / stride) % size` of axis `axis`. Axis 0 is the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Atom {
    pub axis: usize,
    pub stride: usize,
    pub size: usize,
}

/// An index that was picked of an atom, which thereby is no axis any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Selected {
    pub atom: Atom,
    pub index: usize,
}

/// How the axes of a value are made of those of the underlying value. Axes of size 1 have no atoms, a batch of one neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub axes: Vec<Vec<Atom>>,
    pub selected: Vec<Selected>,
}

fn size(atoms: &[Atom]) -> usize {
    atoms.iter().map(|atom| atom.size).product()
}

impl View {
    /// The value itself, of shape `[batch, shape…]`.
    pub fn identity(batch: usize, shape: &[usize]) -> Self {
        let axis = |(axis, size)| if size == 1 { Vec::new() } else { vec![Atom { axis, stride: 1, size }] };
        let axes = std::iter::once(batch).chain(shape.iter().copied()).enumerate().map(axis).collect();
        Self { axes, selected: Vec::new() }
    }

    /// Length of each axis.
    pub fn sizes(&self) -> Vec<usize> {
        self.axes.iter().map(|atoms| size(atoms)).collect()
    }

    /// Length of each axis for messages, with `None` for the batch.
    pub fn known_sizes(&self) -> Vec<Option<usize>> {
        let known = |atoms: &Vec<Atom>| atoms.iter().all(|atom| atom.axis != 0).then(|| size(atoms));
        self.axes.iter().map(known).collect()
    }

    /// The same numbers in the same order under other axes; `None` if their count differs or an axis would have to be torn.
    pub fn reshape(&self, target: &[usize]) -> Option<Self> {
        let mut atoms = self.axes.iter().flatten().copied();
        let mut torn: Option<Atom> = None;
        let mut axes = Vec::with_capacity(target.len());
        for &length in target {
            let (mut axis, mut rest) = (Vec::new(), length);
            while rest != 1 {
                let atom = torn.take().or_else(|| atoms.next())?;
                if rest > 0 && rest.is_multiple_of(atom.size) {
                    rest /= atom.size;
                    axis.push(atom);
                } else if rest > 0 && atom.axis != 0 && atom.size.is_multiple_of(rest) {
                    let inner = atom.size / rest;
                    axis.push(Atom { stride: atom.stride * inner, size: rest, ..atom });
                    torn = Some(Atom { size: inner, ..atom });
                    rest = 1;
                } else {
                    return None;
                }
            }
            axes.push(axis);
        }
        let all_used = torn.is_none() && atoms.next().is_none() && !axes.is_empty();
        all_used.then(|| Self { axes, selected: self.selected.clone() }.merged())
    }

    /// The axes in another order; `None` if `order` is no permutation of them.
    pub fn permute(&self, order: &[usize]) -> Option<Self> {
        let mut seen = vec![false; self.axes.len()];
        for &axis in order {
            if std::mem::replace(seen.get_mut(axis)?, true) {
                return None;
            }
        }
        let axes = order.iter().map(|axis| self.axes[*axis].clone()).collect();
        (order.len() == self.axes.len()).then_some(Self { axes, selected: self.selected.clone() })
    }

    /// The values at `index` of an axis, which goes; `None` if the axis is the batch or has more than one atom.
    pub fn select(&self, axis: usize, index: usize) -> Option<Self> {
        let mut view = self.clone();
        match view.axes.get(axis)?.as_slice() {
            [] if index == 0 => {}
            [atom] if atom.axis != 0 && index < atom.size => {
                view.selected.push(Selected { atom: *atom, index });
            }
            _ => return None,
        }
        view.axes.remove(axis);
        Some(view)
    }

    /// The only atom of the last axis, if that is a whole axis of the underlying value.
    pub fn whole_last(&self, shape: &[usize]) -> Option<Atom> {
        match self.axes.last()?.as_slice() {
            [atom] if atom.axis == shape.len() && shape.last() == Some(&atom.size) => Some(*atom),
            _ => None,
        }
    }

    /// The view with another length of the last axis, which is a whole axis of the underlying value.
    pub fn with_last(&self, atom: Atom) -> Self {
        let mut view = self.clone();
        if let Some(last) = view.axes.last_mut() {
            *last = if atom.size == 1 { Vec::new() } else { vec![atom] };
        }
        view
    }

    /// For messages: `[N, (C H W)]`, with axes of the underlying value as `x1`, `x2`, ….
    pub fn describe(&self) -> String {
        let atom = |atom: &Atom| if atom.axis == 0 { "N".to_owned() } else { format!("x{}:{}", atom.axis, atom.size) };
        let axis = |atoms: &Vec<Atom>| match atoms.as_slice() {
            [] => "1".to_owned(),
            [only] => atom(only),
            many => format!("({})", many.iter().map(atom).collect::<Vec<_>>().join(" ")),
        };
        format!("[{}]", self.axes.iter().map(axis).collect::<Vec<_>>().join(", "))
    }

    /// Joins neighbours that together are one run of an axis, so that equal views compare equal.
    fn merged(mut self) -> Self {
        for atoms in &mut self.axes {
            let mut joined: Vec<Atom> = Vec::with_capacity(atoms.len());
            for atom in atoms.drain(..) {
                match joined.last_mut() {
                    Some(last) if last.axis == atom.axis && last.stride == atom.stride * atom.size => {
                        *last = Atom { size: last.size * atom.size, ..atom };
                    }
                    _ => joined.push(atom),
                }
            }
            *atoms = joined;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 7919;

    #[test]
    fn splitting_and_joining_gives_the_value_back() {
        let image = View::identity(N, &[6, 4, 4]);
        let split = image.reshape(&[N, 2, 3, 16]).unwrap();
        assert_eq!(split.sizes(), [N, 2, 3, 16]);
        assert_eq!(split.reshape(&[N, 6, 4, 4]).unwrap(), image);
        let swapped = split.permute(&[0, 2, 1, 3]).unwrap();
        assert_eq!(swapped.permute(&[0, 2, 1, 3]).unwrap(), split);
        assert_ne!(swapped.reshape(&[N, 6, 4, 4]).unwrap(), image);
    }

    #[test]
    fn a_shuffle_and_tokens_are_told_by_their_atoms() {
        let image = View::identity(N, &[6, 4, 5]);
        let shuffled = image.reshape(&[N, 2, 3, 4, 5]).and_then(|v| v.permute(&[0, 2, 1, 3, 4])).unwrap();
        let shuffled = shuffled.reshape(&[N, 6, 4, 5]).unwrap();
        let [inner, outer] = [(1, 3), (3, 2)].map(|(stride, size)| Atom { axis: 1, stride, size });
        assert_eq!(shuffled.axes[1], [inner, outer]);
        assert_eq!(shuffled.axes[2..], image.axes[2..]);
        let tokens = image.reshape(&[N, 6, 20]).and_then(|v| v.permute(&[0, 2, 1])).unwrap();
        assert_eq!(tokens.axes[1], [image.axes[2][0], image.axes[3][0]]);
    }

    #[test]
    fn a_batch_of_one_may_come_and_go() {
        let vector = View::identity(1, &[512, 1, 1]);
        let flat = vector.reshape(&[1, 512]).unwrap();
        assert_eq!(vector.reshape(&[512]).and_then(|view| view.reshape(&[1, 512])).unwrap(), flat);
        let heads = View::identity(1, &[5, 12]).reshape(&[1, 5, 3, 4]).unwrap();
        let rows = heads.permute(&[1, 0, 2, 3]).unwrap().reshape(&[5, 12]).unwrap();
        assert_eq!(rows.axes[1], [Atom { axis: 2, stride: 1, size: 12 }], "features are whole, whatever the batch");
    }

    #[test]
    fn what_tears_an_axis_or_loses_numbers_is_refused() {
        let image = View::identity(N, &[6, 4, 4]);
        for target in [&[N, 5, 16][..], &[N, 6, 4], &[N, 6, 4, 4, 2], &[2, N / 2, 96], &[]] {
            assert_eq!(image.reshape(target), None, "{target:?}");
        }
        assert_eq!(View::identity(8, &[6]).reshape(&[2, 24]), None, "a batch is not split");
        assert_eq!(image.permute(&[0, 1, 1, 2]), None);
        assert_eq!(image.permute(&[0, 1]), None);
        assert_eq!(image.select(0, 0), None, "an image of the batch");
    }
}
