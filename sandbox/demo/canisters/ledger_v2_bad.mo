/// `ledger_v1` with tiers, as it should not be done: `Member` simply gets a new field.
///
/// It compiles, it installs, the upgrade reports success. But the stored members have no tier, so
/// they no longer fit their type, and classical persistence starts without any: every balance is
/// gone, while journal and total remain. Enhanced persistence refuses the upgrade.
import Array "mo:core/Array";
import List "mo:core/List";
import Nat "mo:core/Nat";
import Runtime "mo:core/Runtime";
import Text "mo:core/Text";

persistent actor {
  type Tier = { #bronze; #silver; #gold };
  type Member = { name : Text; points : Nat; tier : Tier };
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

  func tier_for(points : Nat) : Tier {
    if (points >= 1_000) #gold else if (points >= 100) #silver else #bronze;
  };

  func set_points(name : Text, points : Nat) {
    let others = members.filter(func(member) { member.name != name });
    members := others.concat([{ name; points; tier = tier_for(points) }]);
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

  public query func tier_of(name : Text) : async ?Tier {
    switch (find(name)) { case (?{ tier }) ?tier; case null null };
  };

  public query func total_awarded() : async Nat { awarded };
  public query func history() : async [Entry] { journal.toArray() };
};
