fn main() {
    let text = std::fs::read_to_string(std::env::args().nth(1).unwrap()).unwrap();
    let text = text.lines().filter(|l| !l.trim_start().starts_with("///")).collect::<Vec<_>>().join("\n");
    match text.parse::<cnn_ir::Network>() {
        Ok(n) => for m in n.models() {
            println!("{:16} {:>24} {:>18} {:>14} {}", m.name.text, m.totals.parameters.to_string(), m.totals.macs.to_string(), m.totals.activations.to_string(), m.block_types.iter().map(|b| format!("{}:{}", b.name, b.instances.len())).collect::<Vec<_>>().join(" "));
        },
        Err(e) => println!("{e}"),
    }
}
