/// Two stable variables that are one and the same array: it is saved once, and referred to.
persistent actor {
  let notes : [var Text] = [var "", "none yet"];
  let again = notes;
  var delta : Int = -1;
  var state : { #on : Nat8; #off } = #off;

  public func note(text : Text) : async () {
    notes[0] := text;
    delta -= 1_000_000_000_000_000_000_000;
    state := #on 7;
  };

  public query func read() : async (Text, Text) { (notes[0], again[0]) };
};
