/// An upgrade of `counter_v1` that reshapes its data with an explicit migration function:
/// the counter becomes "count: N", the notes are numbered. It cannot be upgraded onto itself.
import Iter "mo:core/Iter";
import List "mo:core/List";
import Nat "mo:core/Nat";

(
  with migration = func(old : { var counter : Nat; noteList : List.List<Text> }) : {
    var counter : Text;
    noteList : [(Nat, Text)];
  } {
    {
      var counter = "count: " # old.counter.toText();
      noteList = old.noteList.enumerate().toArray();
    }
  }
)
persistent actor {
  var counter : Text = "";
  let noteList : [(Nat, Text)] = [];

  public func relabel(text : Text) : async () { counter := text };

  public query func get() : async Text { counter };
  public query func notes() : async [(Nat, Text)] { noteList };
};
