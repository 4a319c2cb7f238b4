/// A counter and a list of notes: the version from which every `counter_v2_*` upgrades.
import List "mo:core/List";

persistent actor {
  var counter : Nat = 0;
  let noteList = List.empty<Text>();

  public func inc() : async Nat { counter += 1; counter };
  public func add_note(note : Text) : async () { noteList.add(note) };

  public query func get() : async Nat { counter };
  public query func notes() : async [Text] { noteList.toArray() };
};
