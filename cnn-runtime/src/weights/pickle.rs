//! Python's pickles, as far as `torch.save` writes them, read as data.
//!
//! A pickle is a program for a stack machine that can call any Python function. Here nothing is called:
//! a global is a name, a call is a note of what would be called with what. Objects stand in one table and
//! refer to each other by their places in it, so that sharing costs nothing, a list that contains itself
//! is harmless, and nothing is ever copied or walked as a tree.
//!
//! Opcodes: CPython's `Lib/pickletools.py`, protocols 2 to 5.

/// The longest pickle that is read. That of a network of a thousand tensors with its optimizer's has
/// some 300 kB.
pub(super) const MAX_PICKLE: u64 = 64 << 20;

/// The most opcodes of a pickle, which also bounds its objects and their connections: about thirty times
/// what a network of a thousand tensors needs.
const MAX_STEPS: usize = 1 << 21;

/// An object's place in the table.
pub(super) type Id = u32;

#[derive(Debug, PartialEq)]
pub(super) enum Object<'a> {
    None,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A module and a name in it.
    Global(&'a str, &'a str),
    /// What calling the first with the second would give.
    Call(Id, Id),
    /// What the one who saved keeps elsewhere: a storage.
    Persistent(Id),
    /// Numbers and bytes that no tensor's description needs.
    Other(&'static str),
}

/// The objects of one pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub(super) objects: Vec<Object<'a>>,
    pub(super) root: Id,
    /// How many bytes it took.
    pub(super) length: usize,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle at the beginning of `bytes`.
    ///
    /// # Errors
    /// What is wrong, and at which byte.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut machine = Machine { bytes, ..Machine::default() };
        let mut at = 0;
        let root = machine.run(&mut at).map_err(|what| {
            format!("its pickle is damaged, or not one that torch.save writes: at byte {at}: {what}")
        })?;
        Ok(Self { objects: machine.objects, root, length: machine.at })
    }

    pub(super) fn get(&self, id: Id) -> &Object<'a> {
        // Ids come from the table alone.
        self.objects.get(id as usize).unwrap_or(&Object::None)
    }

    pub(super) fn text(&self, id: Id) -> Option<&'a str> {
        match self.get(id) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn int(&self, id: Id) -> Option<i64> {
        match self.get(id) {
            Object::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn global(&self, id: Id) -> Option<(&'a str, &'a str)> {
        match self.get(id) {
            Object::Global(module, name) => Some((module, name)),
            _ => None,
        }
    }

    /// The items of a tuple.
    pub(super) fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Object::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// A call of a global: its module, its name, the arguments.
    pub(super) fn call(&self, id: Id) -> Option<(&'a str, &'a str, &[Id])> {
        let Object::Call(callable, arguments) = self.get(id) else { return None };
        let (module, name) = self.global(*callable)?;
        Some((module, name, self.tuple(*arguments)?))
    }

    /// An object in words.
    pub(super) fn describe(&self, id: Id) -> String {
        match self.get(id) {
            Object::None => "None".to_owned(),
            Object::Bool(_) => "a bool".to_owned(),
            Object::Int(_) => "a number".to_owned(),
            Object::Text(_) => "a string".to_owned(),
            Object::Tuple(_) => "a tuple".to_owned(),
            Object::List(_) => "a list".to_owned(),
            Object::Dict(_) => "a dict".to_owned(),
            Object::Persistent(_) => "a storage".to_owned(),
            Object::Other(what) => (*what).to_owned(),
            Object::Global(module, name) => format!("`{}`", path(module, name)),
            Object::Call(callable, _) => match self.global(*callable) {
                Some((module, name)) => format!("what calling `{}` gives", path(module, name)),
                None => "what calling something gives".to_owned(),
            },
        }
    }
}

/// `os.system`, without control characters and not endless.
pub(super) fn path(module: &str, name: &str) -> String {
    let path: String = format!("{module}.{name}").chars().take(100).collect();
    path.escape_debug().to_string()
}

/// The stack machine.
#[derive(Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    objects: Vec<Object<'a>>,
    stack: Vec<Id>,
    /// How high the stack was when each open bracket began.
    marks: Vec<usize>,
    memo: std::collections::HashMap<u32, Id>,
    /// How many connections were copied from lists to dicts.
    copied: usize,
}

impl<'a> Machine<'a> {
    /// Runs to the end; `begin` is the place of the last opcode.
    fn run(&mut self, begin: &mut usize) -> Result<Id, String> {
        for _ in 0..MAX_STEPS {
            *begin = self.at;
            let opcode = self.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
        }
        Err(format!("it goes on after {MAX_STEPS} opcodes"))
    }

    fn step(&mut self, opcode: u8) -> Result<(), String> {
        match opcode {
            // What frames and versions say is not needed to read on.
            0x80 => {
                let version = self.byte()?;
                if !(2..=5).contains(&version) {
                    return Err(format!("pickle protocol {version} is not known (2 to 5 are)"));
                }
            }
            0x95 => drop(self.take(8)?),

            b'N' => self.push(Object::None)?,
            0x88 => self.push(Object::Bool(true))?,
            0x89 => self.push(Object::Bool(false))?,
            b'K' => self.number(1)?,
            b'M' => self.number(2)?,
            b'J' => {
                let bytes = self.array()?;
                self.push(Object::Int(i64::from(i32::from_le_bytes(bytes))))?;
            }
            0x8a => {
                let length = self.byte()?;
                self.long(u64::from(length))?;
            }
            0x8b => {
                let length = self.length(4)?;
                self.long(length)?;
            }
            b'G' => {
                self.take(8)?;
                self.push(Object::Other("a number"))?;
            }
            b'X' => self.text(4)?,
            0x8c => self.text(1)?,
            0x8d => self.text(8)?,
            // Python 2's strings, which may be bytes.
            b'U' => self.string(1)?,
            b'T' => self.string(4)?,
            b'C' => self.binary(1)?,
            b'B' => self.binary(4)?,
            0x8e | 0x96 => self.binary(8)?,

            b'(' => self.marks.push(self.stack.len()),
            b'0' if self.marks.last() == Some(&self.stack.len()) => drop(self.marks.pop()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.bracket()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b')' => self.push(Object::Tuple(Vec::new()))?,
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let items = self.bracket()?;
                self.push(Object::Tuple(items))?;
            }
            b']' => self.push(Object::List(Vec::new()))?,
            b'l' => {
                let items = self.bracket()?;
                self.push(Object::List(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(&[item])?;
            }
            b'e' => {
                let items = self.bracket()?;
                self.extend(&items)?;
            }
            b'}' => self.push(Object::Dict(Vec::new()))?,
            b'd' => {
                let items = self.bracket()?;
                self.push(Object::Dict(Vec::new()))?;
                self.insert(&items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.insert(&[key, value])?;
            }
            b'u' => {
                let items = self.bracket()?;
                self.insert(&items)?;
            }
            0x8f => self.push(Object::Other("a set"))?,
            0x90 => drop(self.bracket()?),
            0x91 => {
                self.bracket()?;
                self.push(Object::Other("a set"))?;
            }

            b'q' => {
                let place = self.byte()?;
                self.remember(u32::from(place))?;
            }
            b'r' => {
                let place = u32::from_le_bytes(self.array()?);
                self.remember(place)?;
            }
            0x94 => {
                let place = u32::try_from(self.memo.len()).map_err(|_| "too many objects")?;
                self.remember(place)?;
            }
            b'h' => {
                let place = self.byte()?;
                self.recall(u32::from(place))?;
            }
            b'j' => {
                let place = u32::from_le_bytes(self.array()?);
                self.recall(place)?;
            }

            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Object::Global(module, name))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Object::Text(module), Object::Text(name)) = (self.object(module), self.object(name))
                else {
                    return Err("a global is not named by strings".to_owned());
                };
                let global = Object::Global(module, name);
                self.push(global)?;
            }
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.call(callable, arguments)?;
            }
            0x92 => {
                let (_, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(class, arguments)?;
            }
            // The state of an object: a dict keeps its items, a call remains what was called.
            b'b' => {
                self.pop()?;
                self.top()?;
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(Object::Persistent(id))?;
            }
            other => return Err(format!("opcode 0x{other:02x}, which torch.save does not write")),
        }
        Ok(())
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        let length = usize::try_from(length).ok().filter(|&length| length <= rest.len());
        let length = length.ok_or("it ends too early")?;
        self.at += length;
        Ok(&rest[..length])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N as u64)?.try_into().map_err(|_| "it ends too early".to_owned())
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    /// A number of `width` bytes.
    fn length(&mut self, width: u64) -> Result<u64, String> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or("a line without end")?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| "a name that is not UTF-8".to_owned())
    }

    fn object(&self, id: Id) -> &Object<'a> {
        self.objects.get(id as usize).unwrap_or(&Object::None)
    }

    fn push(&mut self, object: Object<'a>) -> Result<(), String> {
        let id = Id::try_from(self.objects.len()).map_err(|_| "too many objects")?;
        self.objects.push(object);
        self.stack.push(id);
        Ok(())
    }

    /// Whether something stands above the last open bracket.
    fn above(&self) -> bool {
        self.stack.len() > self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, String> {
        let top = self.stack.last().copied().filter(|_| self.above());
        top.ok_or_else(|| "nothing is on the stack".to_owned())
    }

    fn pop(&mut self) -> Result<Id, String> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// What was put on the stack since the last open bracket.
    fn bracket(&mut self) -> Result<Vec<Id>, String> {
        let from = self.marks.pop().ok_or("a bracket is closed that was not opened")?;
        Ok(self.stack.split_off(from))
    }

    fn number(&mut self, width: u64) -> Result<(), String> {
        let value = self.length(width)?;
        self.push(Object::Int(value as i64))
    }

    /// A whole number of any length, two's complement.
    fn long(&mut self, length: u64) -> Result<(), String> {
        let bytes = self.take(length)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let fill = if negative { 0xff } else { 0 };
        let (low, high) = bytes.split_at(bytes.len().min(8));
        let mut value = [fill; 8];
        value[..low.len()].copy_from_slice(low);
        let value = i64::from_le_bytes(value);
        let fits = high.iter().all(|&byte| byte == fill) && (value < 0) == negative;
        self.push(if fits { Object::Int(value) } else { Object::Other("a number beyond 64 bits") })
    }

    fn text(&mut self, width: u64) -> Result<(), String> {
        let length = self.length(width)?;
        let text = std::str::from_utf8(self.take(length)?);
        self.push(Object::Text(text.map_err(|_| "a string that is not UTF-8")?))
    }

    fn string(&mut self, width: u64) -> Result<(), String> {
        let length = self.length(width)?;
        let text = std::str::from_utf8(self.take(length)?);
        self.push(text.map_or(Object::Other("bytes"), Object::Text))
    }

    fn binary(&mut self, width: u64) -> Result<(), String> {
        let length = self.length(width)?;
        self.take(length)?;
        self.push(Object::Other("bytes"))
    }

    fn tuple(&mut self, count: usize) -> Result<(), String> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Object::Tuple(items))
    }

    fn remember(&mut self, place: u32) -> Result<(), String> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), String> {
        let id = self.memo.get(&place).ok_or_else(|| format!("object {place} is used before it is there"))?;
        self.stack.push(*id);
        Ok(())
    }

    /// Appends to the list on top. Other objects that are filled like lists are not looked into.
    fn extend(&mut self, items: &[Id]) -> Result<(), String> {
        let top = self.top()?;
        match self.objects.get_mut(top as usize) {
            Some(Object::List(list)) => list.extend_from_slice(items),
            Some(Object::Call(..) | Object::Other(_)) => {}
            _ => return Err("something is appended to what is not a list".to_owned()),
        }
        Ok(())
    }

    /// Puts keys and values into the dict on top. Other objects that are filled like dicts are not
    /// looked into.
    fn insert(&mut self, items: &[Id]) -> Result<(), String> {
        let top = self.top()?;
        if !items.len().is_multiple_of(2) {
            return Err("a key without a value".to_owned());
        }
        match self.objects.get_mut(top as usize) {
            Some(Object::Dict(dict)) => dict.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1]))),
            Some(Object::Call(..) | Object::Other(_)) => {}
            _ => return Err("something is put into what is not a dict".to_owned()),
        }
        Ok(())
    }

    /// Notes a call. Dicts that remember their order are dicts; Python 2 gives their items as pairs.
    fn call(&mut self, callable: Id, arguments: Id) -> Result<(), String> {
        let ordered = match self.object(callable) {
            Object::Global("collections", name) => matches!(*name, "OrderedDict" | "defaultdict"),
            _ => false,
        };
        if !ordered {
            return self.push(Object::Call(callable, arguments));
        }
        let (mut items, mut copied) = (Vec::new(), 0);
        if let Object::Tuple(arguments) = self.object(arguments)
            && let Some(Object::List(pairs)) = arguments.first().map(|&id| self.object(id))
        {
            copied = pairs.len();
            // A list of many could be given to many calls.
            if self.copied + copied > MAX_STEPS {
                return Err("its dicts have too many items".to_owned());
            }
            for &pair in pairs {
                if let Object::List(pair) | Object::Tuple(pair) = self.object(pair)
                    && let &[key, value] = &pair[..]
                {
                    items.push((key, value));
                }
            }
        }
        self.copied += copied;
        self.push(Object::Dict(items))
    }
}
