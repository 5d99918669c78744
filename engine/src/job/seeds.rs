//! Seeds for the random streams of a job.

/// A seed for the stream `label` at `index`, independent of all others with the same `seed`.
pub fn derive(seed: u64, label: &str, index: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(&index.to_le_bytes()).update(label.as_bytes());
    let mut bytes = [0u8; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::derive;

    #[test]
    fn streams_differ_and_repeat() {
        assert_eq!(derive(1, "torch", 2), derive(1, "torch", 2));
        let all = [derive(1, "torch", 2), derive(1, "torch", 3), derive(1, "init", 2), derive(2, "torch", 2)];
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    }
}
