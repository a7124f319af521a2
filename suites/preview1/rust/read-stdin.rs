//! summary = "several kilobytes of stdin are read to the end, line by line, and counted and summed"
//! clauses = ["stdio.zero-one-two", "stdio.input-ends"]
//! stdin = """\
//!   station,day,tenths\nOslo,1,-96\nKyōto,1,-201\nQuito,1,298\nLagos,1,346\nPerth,1,269\nZürich,1,-162\n\
//!   Oslo,2,-179\nKyōto,2,314\nQuito,2,329\nLagos,2,-22\nPerth,2,346\nOslo,3,156\nKyōto,3,-24\nQuito,3,-114\n\
//!   Lagos,3,-103\nPerth,3,334\nZürich,3,-65\nOslo,4,334\nKyōto,4,131\nQuito,4,-186\nLagos,4,383\n\
//!   Perth,4,294\nZürich,4,71\nOslo,5,214\nKyōto,5,4\nQuito,5,-1\nLagos,5,57\nPerth,5,101\nZürich,5,44\n\
//!   Oslo,6,-176\nKyōto,6,178\nQuito,6,100\nLagos,6,250\nPerth,6,-171\nZürich,6,336\nOslo,7,71\nKyōto,7,108\n\
//!   Quito,7,343\nLagos,7,-180\n\
//!   # a comment, longer than any other line of this table, to have one that stands out\nPerth,7,26\n\
//!   Zürich,7,-184\nOslo,8,67\nKyōto,8,206\nQuito,8,145\nPerth,8,222\nZürich,8,375\nOslo,9,-190\nKyōto,9,44\n\
//!   Quito,9,3\nLagos,9,258\nPerth,9,209\nZürich,9,34\nKyōto,10,313\nQuito,10,175\nPerth,10,139\n\
//!   Oslo,11,-70\nKyōto,11,-12\nQuito,11,353\nLagos,11,38\nPerth,11,179\nZürich,11,374\nOslo,12,-122\n\
//!   Kyōto,12,277\nLagos,12,-195\nPerth,12,322\nZürich,12,158\nOslo,13,243\nKyōto,13,-187\nQuito,13,-37\n\
//!   Lagos,13,-138\nPerth,13,-197\nZürich,13,330\nOslo,14,-147\nQuito,14,-178\nPerth,14,-98\nZürich,14,105\n\
//!   Oslo,15,235\nKyōto,15,249\nLagos,15,245\nPerth,15,-103\nZürich,15,100\nOslo,16,240\nKyōto,16,-85\n\
//!   Quito,16,-40\nPerth,16,-100\nZürich,16,-223\nOslo,17,55\nLagos,17,17\n\nPerth,17,-79\nZürich,17,-22\n\
//!   Oslo,18,264\nKyōto,18,-22\nQuito,18,-51\nLagos,18,160\nPerth,18,-18\nZürich,18,254\nOslo,19,-221\n\
//!   Quito,19,233\nLagos,19,369\nZürich,19,107\nKyōto,20,-25\nQuito,20,231\nLagos,20,-41\nPerth,20,374\n\
//!   Zürich,20,240\nKyōto,21,408\nQuito,21,-128\nPerth,21,-46\nZürich,21,-68\nOslo,22,401\nKyōto,22,155\n\
//!   Quito,22,-164\nLagos,22,-76\nZürich,22,354\nKyōto,23,-101\nQuito,23,360\nPerth,23,108\nZürich,23,311\n\
//!   Oslo,24,-236\nKyōto,24,415\nQuito,24,-108\nLagos,24,-51\nPerth,24,-34\nZürich,24,-33\nOslo,25,-4\n\
//!   Kyōto,25,83\nQuito,25,179\nLagos,25,-188\nZürich,25,219\nOslo,26,279\nKyōto,26,263\nQuito,26,-95\n\
//!   Lagos,26,-231\nZürich,26,373\nOslo,27,-97\nKyōto,27,234\nQuito,27,-127\nLagos,27,83\nPerth,27,293\n\
//!   Zürich,27,-142\nKyōto,28,-55\nQuito,28,-150\nLagos,28,325\nPerth,28,-186\nZürich,28,377\nKyōto,29,-46\n\
//!   Quito,29,213\nLagos,29,239\nPerth,29,3\nZürich,29,15\nQuito,30,208\nLagos,30,-126\nPerth,30,73\n\
//!   Zürich,30,-4\nOslo,31,-33\nKyōto,31,-125\nLagos,31,408\nPerth,31,-104\nZürich,31,-110\nKyōto,32,-154\n\
//!   Quito,32,248\nLagos,32,-21\nPerth,32,191\nOslo,33,181\nKyōto,33,76\nQuito,33,124\nLagos,33,317\n\
//!   Perth,33,-232\nZürich,33,279\nOslo,34,274\nQuito,34,-16\nPerth,34,21\nZürich,34,-65\nOslo,35,-118\n\
//!   Kyōto,35,14\nQuito,35,299\nPerth,35,84\nZürich,35,-192\nOslo,36,-63\nKyōto,36,-176\nQuito,36,-233\n\
//!   Lagos,36,16\nPerth,36,-23\nZürich,36,-126\nOslo,37,97\nQuito,37,24\nLagos,37,-206\nPerth,37,-6\n\
//!   Kyōto,38,-65\nQuito,38,69\nLagos,38,293\nPerth,38,46\nZürich,38,-68\nOslo,39,-232\nQuito,39,-232\n\
//!   Lagos,39,314\nZürich,39,1\nKyōto,40,415\nQuito,40,256\nLagos,40,152\nZürich,40,-30\nKyōto,41,401\n\
//!   Quito,41,105\nPerth,41,-236\nZürich,41,11\nOslo,42,-194\nKyōto,42,140\nLagos,42,38\nPerth,42,50\n\
//!   Zürich,42,-61\nOslo,43,206\nKyōto,43,122\nPerth,43,0\nZürich,43,66\nOslo,44,-63\nKyōto,44,140\n\
//!   Quito,44,35\nLagos,44,-45\nPerth,44,-245\nZürich,44,-159\nOslo,45,350\nKyōto,45,-227\nQuito,45,394\n\
//!   Lagos,45,349\nOslo,46,360\nKyōto,46,83\nQuito,46,256\nLagos,46,383\nPerth,46,-206\nZürich,46,275\n\
//!   Oslo,47,267\nKyōto,47,286\nQuito,47,332\nLagos,47,-234\nPerth,47,348\nZürich,47,408\nOslo,48,-219\n\
//!   Kyōto,48,402\nQuito,48,-143\nLagos,48,212\nPerth,48,392\nZürich,48,294\nOslo,49,251\nKyōto,49,217\n\
//!   Quito,49,265\nPerth,49,288\nZürich,49,235\nOslo,50,-174\nKyōto,50,-10\nQuito,50,-40\nLagos,50,415\n\
//!   Zürich,50,141\nOslo,51,44\nKyōto,51,381\nQuito,51,-47\nLagos,51,-100\nPerth,51,417\nZürich,51,61\n\
//!   Oslo,52,-114\nKyōto,52,-188\nQuito,52,-149\nLagos,52,251\nPerth,52,278\nZürich,52,227\nOslo,53,-129\n\
//!   Quito,53,69\nZürich,53,219\nOslo,54,268\nQuito,54,25\nLagos,54,-35\nPerth,54,-158\nZürich,54,286\n\
//!   Oslo,55,118\nKyōto,55,396\nQuito,55,-135\nLagos,55,-14\nPerth,55,247\nZürich,55,-88\nOslo,56,253\n\
//!   Kyōto,56,165\nQuito,56,-106\nLagos,56,135\nPerth,56,89\nZürich,56,96\nOslo,57,-128\nQuito,57,-238\n\
//!   Perth,57,131\nZürich,57,149\nKyōto,58,119\nLagos,58,-201\nPerth,58,-198\nZürich,58,42\nOslo,59,-98\n\
//!   Kyōto,59,22\nQuito,59,73\nLagos,59,132\nPerth,59,188\nOslo,60,396\nKyōto,60,317\nQuito,60,-168\n\
//!   Lagos,60,170\nPerth,60,-109\nZürich,60,43\nOslo,61,313\nKyōto,61,233\nQuito,61,38\nLagos,61,418\n\
//!   Perth,61,-6\nZürich,61,320\nOslo,62,-128\nKyōto,62,-85\nQuito,62,262\nPerth,62,-25\nZürich,62,90\n\
//!   Kyōto,63,-108\nQuito,63,-1\nLagos,63,100\nPerth,63,76\nZürich,63,14\nOslo,64,-44\nQuito,64,172\n\
//!   Lagos,64,286\nPerth,64,26\nZürich,64,-187\nOslo,65,338\nQuito,65,265\nLagos,65,-29\nPerth,65,4\n\
//!   Zürich,65,411\nOslo,66,69\nKyōto,66,-228\nQuito,66,185\nLagos,66,234\nZürich,66,-176\nOslo,67,290\n\
//!   Lagos,67,-139\nPerth,67,-95\nZürich,67,-139\nKyōto,68,412\nQuito,68,218\nLagos,68,-210\nPerth,68,-122\n\
//!   Zürich,68,-212\nOslo,69,61\nQuito,69,290\nLagos,69,-136\nPerth,69,57\nZürich,69,346\nOslo,70,17\n\
//!   Kyōto,70,365\nQuito,70,300\nLagos,70,221\nPerth,70,73\nZürich,70,-2\nOslo,71,-10\nKyōto,71,-221\n\
//!   Lagos,71,64\nPerth,71,-52\nZürich,71,412\nOslo,72,13\nKyōto,72,184\nLagos,72,-216\nPerth,72,180\n\
//!   Zürich,72,155\nOslo,73,49\nKyōto,73,266\nQuito,73,257\nPerth,73,-52\nZürich,73,-24\nOslo,74,7\
//!   """
//! expect_stdout = "373 lines, 5003 bytes, the longest has 82 characters\nends with a newline: false\nKyōto: 59 days, sum 6193, from -228 to 415\nLagos: 58 days, sum 4741, from -234 to 418\nOslo: 60 days, sum 3496, from -236 to 401\nPerth: 63 days, sum 3577, from -245 to 417\nQuito: 63 days, sum 4844, from -238 to 394\nZürich: 67 days, sum 6216, from -223 to 412\nafter the end: 0 bytes\n"

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

#[derive(Default)]
struct Station {
    days: u32,
    sum: i32,
    lowest: i32,
    highest: i32,
}

fn main() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let (mut lines, mut bytes, mut longest) = (0, 0, 0);
    let mut newline_at_end = false;
    let mut stations: BTreeMap<String, Station> = BTreeMap::new();

    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        lines += 1;
        bytes += line.len();
        newline_at_end = line.ends_with('\n');
        let text = line.trim_end_matches('\n');
        longest = longest.max(text.chars().count());

        let fields: Vec<&str> = text.split(',').collect();
        if let [name, _, tenths] = fields[..] {
            if let Ok(tenths) = tenths.parse::<i32>() {
                let station = stations.entry(name.to_owned()).or_default();
                let first = station.days == 0;
                station.days += 1;
                station.sum += tenths;
                station.lowest = if first { tenths } else { station.lowest.min(tenths) };
                station.highest = if first { tenths } else { station.highest.max(tenths) };
            }
        }
        line.clear();
    }

    println!("{lines} lines, {bytes} bytes, the longest has {longest} characters");
    println!("ends with a newline: {newline_at_end}");
    for (name, station) in &stations {
        let Station { days, sum, lowest, highest } = station;
        println!("{name}: {days} days, sum {sum}, from {lowest} to {highest}");
    }
    // The end stays the end.
    let mut rest = Vec::new();
    println!("after the end: {} bytes", input.read_to_end(&mut rest)?);
    Ok(())
}
