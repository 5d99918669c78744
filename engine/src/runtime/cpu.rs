//! The processor that numbers were measured on.

use serde::Serialize;

/// Instruction sets that decide how fast, and how exact, integer kernels are; as the kernel spells them.
const FLAGS: [&str; 6] = ["avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp"];

/// A processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cpu {
    /// As the kernel tells it; `unknown` where it does not.
    pub name: String,
    /// Those of [`FLAGS`] that it has.
    pub instruction_sets: Vec<&'static str>,
}

impl Cpu {
    /// The processor of this machine.
    pub fn this() -> Cpu {
        Cpu::parse(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
    }

    fn parse(info: &str) -> Cpu {
        let flags = field(info, "flags").or_else(|| field(info, "Features")).unwrap_or_default();
        let has = |flag: &&str| flags.split_whitespace().any(|word| word == *flag);
        Cpu {
            name: field(info, "model name").unwrap_or("unknown").to_owned(),
            instruction_sets: FLAGS.into_iter().filter(has).collect(),
        }
    }

    /// Whether ONNX Runtime's products of uint8 and int8 saturate in 16 bits on the way: x86-64 with AVX2 and without VNNI.
    /// There 8-bit weights give other results than the simulation.
    pub fn saturates(&self) -> bool {
        let has = |flag| self.instruction_sets.contains(&flag);
        has("avx2") && !has("avx512_vnni") && !has("avx_vnni") && !has("amx_int8")
    }
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = info.lines().find(|line| line.starts_with(name))?.split_once(':')?;
    Some(value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(flags: &str) -> Cpu {
        Cpu::parse(&format!("processor\t: 0\nmodel name\t: AMD EPYC 9R14\nflags\t\t: fpu {flags}\n"))
    }

    #[test]
    fn reads_the_kernel_s_table() {
        let cpu = cpu("avx2 avx512f avx512_vnni");
        assert_eq!(cpu.name, "AMD EPYC 9R14");
        assert_eq!(cpu.instruction_sets, ["avx2", "avx512f", "avx512_vnni"]);
        assert_eq!(Cpu::parse(""), Cpu { name: "unknown".into(), instruction_sets: vec![] });
    }

    #[test]
    fn only_avx2_alone_saturates() {
        assert!(cpu("avx2").saturates() && cpu("avx2 avx512f").saturates());
        assert!(!cpu("avx2 avx_vnni").saturates() && !cpu("sse2").saturates());
    }
}
