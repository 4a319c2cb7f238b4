/// The points of a community: members are awarded points and give them to each other.
/// First version; `ledger_v2_bad` and `ledger_v2_good` both want to add tiers to it.
import Array "mo:core/Array";
import List "mo:core/List";
import Nat "mo:core/Nat";
import Runtime "mo:core/Runtime";
import Text "mo:core/Text";

persistent actor {
  type Member = { name : Text; points : Nat };
  type Entry = { from : ?Text; to : Text; points : Nat; memo : Text };

  var members : [Member] = [];
  let journal = List.empty<Entry>();
  var awarded : Nat = 0;

  func find(name : Text) : ?Member {
    members.find(func(member) { member.name == name });
  };

  func points_of(name : Text) : Nat {
    switch (find(name)) { case (?{ points }) points; case null 0 };
  };

  func set_points(name : Text, points : Nat) {
    let others = members.filter(func(member) { member.name != name });
    members := others.concat([{ name; points }]);
  };

  /// Creates points and returns the member's new balance.
  public func award(to : Text, points : Nat, memo : Text) : async Nat {
    set_points(to, points_of(to) + points);
    awarded += points;
    journal.add({ from = null; to; points; memo });
    points_of(to);
  };

  /// Moves points and returns what the giver has left. Traps when the giver has too few; the
  /// receiver has them by then, and loses them again because a trap undoes the whole message.
  public func give(from : Text, to : Text, points : Nat, memo : Text) : async Nat {
    set_points(to, points_of(to) + points);
    journal.add({ from = ?from; to; points; memo });
    if (points_of(from) < points) {
      Runtime.trap(from # " has only " # points_of(from).toText() # " points");
    };
    set_points(from, points_of(from) - points);
    points_of(from);
  };

  public query func balance_of(name : Text) : async Nat { points_of(name) };

  public query func balances() : async [(Text, Nat)] {
    members.map<Member, (Text, Nat)>(func({ name; points }) { (name, points) });
  };

  public query func total_awarded() : async Nat { awarded };
  public query func history() : async [Entry] { journal.toArray() };
};
