//! Pickles that nobody should open in Python, and those of old versions of PyTorch, which none of today's writes any more.

use super::*;

/// `module.name` with these arguments, as REDUCE has it.
fn call(module: &str, name: &str, arguments: &[u8]) -> Vec<u8> {
    [b"\x80\x02c", module.as_bytes(), b"\n", name.as_bytes(), b"\n(", arguments, b"tR."].concat()
}

fn message(bytes: &[u8]) -> String {
    read(bytes).expect_err("the pickle is wrong").to_string()
}

/// A storage of four floats under the key `0`, as BINPERSID has it.
const STORAGE: &[u8] = b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x04NtQ";

#[test]
fn code_is_named_and_never_run() {
    let cases = [
        (call("os", "system", b"U\x0aecho hello"), "os.system"),
        (call("builtins", "eval", b"U\x031+1"), "builtins.eval"),
        (call("__builtin__", "exec", b"U\x04pass"), "__builtin__.exec"),
        (call("subprocess", "Popen", b"]"), "subprocess.Popen"),
        (call("torch", "load", b"U\x01x"), "torch.load"),
        (call("torch._utils", "_rebuild_sparse_tensor", b""), "torch._utils._rebuild_sparse_tensor"),
        (call("torch", "FancyStorage", b""), "torch.FancyStorage"),
        // Protocol 4 puts the two names on the stack.
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.".to_vec(), "posix.system"),
    ];
    for (bytes, name) in cases {
        let message = message(&bytes);
        assert!(message.contains(&format!("names {name},")), "{message}");
        assert!(message.contains("nothing of it was run"), "{message}");
    }
}

#[test]
fn a_global_is_no_way_around_the_list() {
    // A dotted name, a module within a name, a line that never ends.
    for (module, name) in [("collections", "OrderedDict.__init__"), ("torch", "_utils._rebuild_tensor_v2")] {
        assert!(message(&call(module, name, b"")).contains("names "));
    }
    assert!(message(b"\x80\x02ccollections").contains("ends in the middle"));
    // What is called must be a class or function, and BUILD must not change one.
    assert!(message(b"\x80\x02K\x01)R.").contains("a class or function is expected"));
    assert!(message(b"\x80\x02ccollections\nOrderedDict\n}b.").contains("an object is expected"));
    assert!(message(b"\x80\x02U\x01xQ.").contains("a tuple is expected"));
    assert!(message(b"\x80\x02(U\x06modulectorch\nFloatStorage\nU\x01aU\x01bK\x01tQ.").contains("arguments"));
}

#[test]
fn damage_is_placed() {
    let cases: [(&[u8], usize, Problem); 12] = [
        (b"", 0, Problem::Truncated),
        (b"\x80\x02", 2, Problem::Truncated),
        (b"\x80\x02.", 2, Problem::Underflow),
        (b"\x80\x02\xff", 2, Problem::Opcode(0xff)),
        (b"\x80\x02h\x07.", 2, Problem::Memo(7)),
        (b"\x80\x02t.", 2, Problem::Underflow),
        (b"\x80\x02N(a.", 4, Problem::Underflow),
        (b"\x80\x02NN\x87.", 4, Problem::Underflow),
        (b"\x80\x02}(Nu.", 5, Problem::Underflow),
        (b"\x80\x02X\xff\xff\xff\xffab.", 2, Problem::Truncated),
        (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffab.", 2, Problem::Truncated),
        (b"\x80\x02X\x02\x00\x00\x00\xc3\x28.", 2, Problem::Text),
    ];
    for (bytes, place, expected) in cases {
        match read(bytes) {
            Err(StateDictError::Pickle { offset, problem }) => assert_eq!((offset, problem), (place, expected)),
            other => panic!("{bytes:?} gives {other:?}"),
        }
    }
}

#[test]
fn lists_that_double_or_hold_themselves_cost_only_their_opcodes() {
    // [], [a, a], [b, b], …: 2²⁰⁰ elements if they were followed.
    let doubled: Vec<u8> = (0..200u8).flat_map(|i| [b']', b'h', i, b'a', b'h', i, b'a', b'q', i + 1]).collect();
    let bytes = [b"\x80\x02]q\x00", &doubled[..], b"."].concat();
    let pickled = read(&bytes).unwrap();
    assert_eq!(pickled.heap.iter().count(), 201);
    // a = []; a.append(a)
    assert!(read(b"\x80\x02]q\x00h\x00a.").is_ok());
    // A million open lists, one within the other.
    let nested = [vec![b']'; 1_000_000], vec![b'a'; 999_999], vec![b'.']].concat();
    assert!(read(&nested).is_ok());
    let endless = vec![b'N'; OPCODE_LIMIT + 1];
    assert!(message(&endless).contains("no state dict needs"));
}

#[test]
fn one_list_does_not_become_many_dictionaries() {
    // items = [(None, None)]; OrderedDict(items); OrderedDict(items)
    let bytes = b"\x80\x02]q\x00NN\x86aq\x010ccollections\nOrderedDict\nq\x02h\x00\x85Rh\x02h\x00\x85R\x86.";
    let pickled = read(bytes).unwrap();
    let Value::Tuple(dicts) = pickled.heap.get(pickled.root) else { panic!("a tuple") };
    let lengths = dicts.iter().map(|dict| match pickled.heap.get(*dict) {
        Value::Dict(items) => items.len(),
        other => panic!("{}", other.kind()),
    });
    assert_eq!(lengths.collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn sizes_below_zero_and_too_many_axes_are_refused() {
    let rebuild = |shape: &[u8]| {
        let rest = [STORAGE, b"K\x00", shape, b")\x89N"].concat();
        message(&call("torch._utils", "_rebuild_tensor_v2", &rest))
    };
    assert!(rebuild(b"J\xff\xff\xff\xff\x85").contains("a size of -1"));
    assert!(rebuild(b"(K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01t").contains("9 axes"));
    assert!(rebuild(b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01\x85").contains("a number"));
}

/// The shape of the tensor that a pickle stands for.
fn shape(bytes: &[u8]) -> Vec<usize> {
    let pickled = read(bytes).unwrap();
    match pickled.heap.get(pickled.root) {
        Value::Tensor(view) => view.shape.clone(),
        other => panic!("{}", other.kind()),
    }
}

#[test]
fn tensors_and_parameters_of_2017_are_understood() {
    let (class, content) = (b"ctorch\nFloatTensor\n)R", b"K\x00K\x02K\x02\x86K\x02K\x01\x86tb");
    let tensor = [&class[..], b"(", STORAGE, content].concat();
    assert_eq!(shape(&[b"\x80\x02", &tensor[..], b"."].concat()), [2, 2]);
    // PyTorch 0.1: Parameter.__new__(), then (data, grad, hooks, requires_grad, volatile).
    let parameter = [b"\x80\x02ctorch.nn.parameter\nParameter\n)\x81(", &tensor[..], b"NN\x88\x89tb."].concat();
    assert_eq!(shape(&parameter), [2, 2]);
    // PyTorch 0.2: Parameter(data), then (requires_grad, is_leaf, hooks).
    let parameter = [b"\x80\x02ctorch.nn.parameter\nParameter\n", &tensor[..], b"\x85R\x88\x88N\x87b."].concat();
    assert_eq!(shape(&parameter), [2, 2]);
    let rebuilt = [STORAGE, b"K\x00K\x04\x85K\x01\x85"].concat();
    assert_eq!(shape(&call("torch._utils", "_rebuild_tensor", &rebuilt)), [4]);
}

#[test]
fn python_2_wrote_ordered_dictionaries_as_lists_of_lists() {
    let bytes = b"\x80\x02ccollections\nOrderedDict\n](](U\x01aK\x01e](U\x01bK\x02ee\x85R}U\x09_metadataNsb.";
    let pickled = read(bytes).unwrap();
    let Value::Dict(items) = pickled.heap.get(pickled.root) else { panic!("a dictionary") };
    let items: Vec<_> = items
        .iter()
        .map(|(key, value)| (pickled.heap.text(*key).unwrap(), pickled.heap.count(*value).unwrap()))
        .collect();
    assert_eq!(items, [("a", 1), ("b", 2)]);
}

#[test]
fn integers_of_any_width_are_read() {
    let number = |bytes: &[u8]| {
        let pickled = read(bytes).unwrap();
        match pickled.heap.get(pickled.root) {
            Value::Int(number) => *number,
            other => panic!("{}", other.kind()),
        }
    };
    assert_eq!(number(b"\x80\x02K\xff."), 255);
    assert_eq!(number(b"\x80\x02M\xff\xff."), 65535);
    assert_eq!(number(b"\x80\x02J\xfe\xff\xff\xff."), -2);
    assert_eq!(number(b"\x80\x02\x8a\x00."), 0);
    assert_eq!(number(b"\x80\x02\x8a\x01\xff."), -1);
    assert_eq!(number(b"\x80\x02\x8a\x05\x00\x00\x00\x00\x01."), 1 << 32);
}
