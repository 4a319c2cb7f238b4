/// An upgrade of `counter_v1` that installs, but can never be upgraded away from: its
/// `preupgrade` traps. Skipping it loses everything under enhanced persistence, and traps in the
/// next version under classical, which finds a stable memory that nobody has filled.
import List "mo:core/List";
import Runtime "mo:core/Runtime";

persistent actor {
  var counter : Nat = 0;
  let noteList = List.empty<Text>();

  system func preupgrade() {
    counter := 999;
    Runtime.trap("preupgrade refuses");
  };

  public func inc() : async Nat { counter += 1; counter };
  public func add_note(note : Text) : async () { noteList.add(note) };

  public query func get() : async Nat { counter };
  public query func notes() : async [Text] { noteList.toArray() };
};
