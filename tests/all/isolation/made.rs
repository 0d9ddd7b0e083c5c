//! Components made byte by byte, for what no compiler of ours makes (the Component Model's `Binary.md`).

/// The export that says that it is a plugin.
const ABOUT: &str = "muster:plugin/about@0.1.0";

/// An empty core module.
pub(super) fn core_module() -> Vec<u8> {
    b"\0asm\x01\0\0\0".to_vec()
}

/// A component that is nothing but an export of another version of the contract.
pub(super) fn built_for(version: &str) -> Vec<u8> {
    let name = format!("muster:plugin/about@{version}");
    component(&[section(1, &core_module()), export(&name, &[0x00, 0x11, 0])])
}

/// Its module wants a million elements as soon as it starts.
pub(super) fn grows_its_table() -> Vec<u8> {
    // ref.null func; i32.const 1000000; table.grow 0; i32.const -1; i32.eq; if unreachable end
    let body =
        [&[0xd0, 0x70, 0x41][..], &leb(1_000_000), &[0xfc, 15, 0, 0x41, 0x7f, 0x46, 0x04, 0x40, 0, 0x0b]].concat();
    plugin(&module(&[&body], true))
}

/// Its module does not come to an end of its start.
pub(super) fn loops_at_its_start() -> Vec<u8> {
    // loop br 0 end
    plugin(&module(&[&[0x03, 0x40, 0x0c, 0, 0x0b]], true))
}

/// How many functions the bomb has, and how often each does the same; all in all close to what a component may be large.
const BOMB_FUNCTIONS: usize = 6;
const BOMB_STEPS: usize = 500_000;

/// Functions so long that to compile them takes far more time and memory than to send them.
///
/// `mark` makes it another component: one that was compiled once is not compiled again.
pub(super) fn compile_bomb(mark: &str) -> Vec<u8> {
    // local.get 0; local.get 0; i64.mul; local.get 0; i64.xor; local.set 0
    let step = [0x20, 0, 0x20, 0, 0x7e, 0x20, 0, 0x85, 0x21, 0];
    let body = step.repeat(BOMB_STEPS);
    let bomb = plugin(&module(&[body.as_slice(); BOMB_FUNCTIONS], false));
    [bomb, section(0, &[text("mark"), text(mark)].concat())].concat()
}

/// A component that exports `about`, with functions of no type that it should have: enough to be compiled and started.
fn plugin(module: &[u8]) -> Vec<u8> {
    let functions = ["describe", "check-config", "host-settings"];
    let exports = functions.map(|name| [&[0x00][..], &text(name), &[0x01, 0]].concat());
    component(&[
        section(1, module),
        // One core instance: module 0, without arguments.
        section(2, &[1, 0x00, 0, 0]),
        // One alias: the core function `f` of that instance.
        section(6, &[&[1, 0x00, 0x00, 0x01, 0][..], &text("f")].concat()),
        // One type: a function without parameters and result.
        section(7, &[1, 0x40, 0, 0x01, 0]),
        // One function: core function 0 lifted to that type, without options.
        section(8, &[1, 0x00, 0x00, 0, 0, 0]),
        section(5, &[&[1, 0x01, 3][..], &exports.concat()].concat()),
        export(ABOUT, &[0x05, 0]),
    ])
}

/// A core module with these functions, the first of which is exported as `f`, and called at the start if it is to be.
fn module(bodies: &[&[u8]], starts: bool) -> Vec<u8> {
    let functions = vec![0; bodies.len()];
    let code = bodies.iter().flat_map(|body| {
        // One local, an i64, and the end.
        let body = [&[1, 1, 0x7e][..], body, &[0x0b]].concat();
        [leb(body.len()), body].concat()
    });
    let code: Vec<u8> = code.collect();
    let start = if starts { section(8, &[0]) } else { Vec::new() };
    let parts = [
        core_module(),
        section(1, &[1, 0x60, 0, 0]),
        section(3, &[leb(bodies.len()), functions].concat()),
        // A table of functions without a limit of its own.
        section(4, &[1, 0x70, 0x00, 1]),
        section(7, &[&[1][..], &text("f"), &[0x00, 0]].concat()),
        start,
        section(10, &[leb(bodies.len()), code].concat()),
    ];
    parts.concat()
}

fn component(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0".to_vec(), sections.concat()].concat()
}

fn export(name: &str, what: &[u8]) -> Vec<u8> {
    section(11, &[&[1, 0x00][..], &text(name), what, &[0]].concat())
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(body.len()), body].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&leb(text.len())[..], text.as_bytes()].concat()
}

/// Seven bits a byte; of numbers here none is negative, and the bit that would say so is never set.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        let is_last = number == 0 && byte & 0x40 == 0;
        bytes.push(if is_last { byte } else { byte | 0x80 });
        if is_last {
            return bytes;
        }
    }
}
