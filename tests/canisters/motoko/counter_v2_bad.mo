/// An incompatible upgrade of `counter_v1`: the counter becomes a Text.
/// Classical persistence accepts it and silently starts from ""; enhanced persistence refuses.
import List "mo:core/List";

persistent actor {
  var counter : Text = "";
  let noteList = List.empty<Text>();

  public func inc() : async Text { counter #= "|"; counter };
  public func add_note(note : Text) : async () { noteList.add(note) };

  public query func get() : async Text { counter };
  public query func notes() : async [Text] { noteList.toArray() };
};
