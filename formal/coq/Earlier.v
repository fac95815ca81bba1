(** The lemmas of the earlier system's proof file, stated so that they mean something, and proved or refuted. There the file did not
    compile; its rounding was [floor9]. The names are those it used. *)

From Coq Require Import Reals Ascii String List Sorted FinFun NArith ZArith Lia Lra.
From Flocq Require Import Core.
From Flk Require Import Constants Nano Text Canonical Binary64.
Import ListNotations.
Open Scope R_scope.

(** * Rounding *)

Definition floor9 (x : R) : Z := Zfloor (x * scale).

(** Proved: the earlier rounding, downwards, is off by less than a billionth. There an axiom. *)
Theorem round9_bounded : forall x, value (floor9 x) <= x < value (floor9 x) + / scale.
Proof.
  intros x. pose proof scale_positive as Hs. split.
  - apply Rmult_le_reg_r with scale; [easy |]. rewrite value_scaled. apply Zfloor_lb.
  - apply Rmult_lt_reg_r with scale; [easy |]. rewrite Rmult_plus_distr_r, value_scaled, Rinv_l by lra. apply Zfloor_ub.
Qed.

(** Proved: the earlier rounding changes nothing the second time. There admitted. *)
Theorem round9_idempotent : forall x, floor9 (value (floor9 x)) = floor9 x.
Proof. intros x. unfold floor9 at 1. now rewrite value_scaled, Zfloor_IZR. Qed.

(** 1 - 10^-10 and 1 are a tenth of a billionth apart, and the earlier rounding takes them to 999999999 and 1000000000 (C14N-7). *)
Theorem rounding_stability_counterexample :
  let x := 1 - / 10000000000 in
  Rabs (x - 1) < /2 / scale /\ floor9 x = 999999999%Z /\ floor9 1 = 1000000000%Z.
Proof.
  cbv zeta. unfold floor9, scale, one. repeat split.
  - rewrite Rabs_left; lra.
  - apply Zfloor_imp. rewrite plus_IZR. lra.
  - rewrite Rmult_1_l. apply Zfloor_IZR.
Qed.

(** Refuted: values closer than half a billionth are rounded alike. There admitted (C14N-7). *)
Theorem rounding_stability_false : ~ popular_claim floor9.
Proof.
  intros H. destruct rounding_stability_counterexample as (Hxy & Hx & Hy). specialize (H _ _ Hxy).
  rewrite Hx, Hy in H. discriminate.
Qed.

(** * Order of keys *)

(** Refuted: the keys are in order. The order written there, whose sort was the identity, is not sorted (C14N-1). *)
Theorem earlier_order_is_not_sorted :
  ~ StronglySorted (fun a b => String.compare a b = Lt)
    ["budget"; "coh_star"; "D_hat"; "epoch"; "merkle_root"; "pcs_id"; "r"; "shard_id"]%string.
Proof. intros H. apply StronglySorted_inv in H as [_ H]. apply Forall_inv_tail, Forall_inv in H. discriminate. Qed.

(** * Signatures: [mac] is any function of a key and a text *)

Section Signatures.

Variable mac : string -> string -> string.

Definition sign (key : string) (s : signed Z) : string := mac key (canonical s).
Definition verify (key : string) (s : signed Z) (tag : string) : bool := String.eqb tag (sign key s).

(** Proved: the signature depends on the eight signed fields alone. *)
Theorem subset_invariance : forall (rest : Type) key (a b : signed Z * rest), fst a = fst b -> sign key (fst a) = sign key (fst b).
Proof. now intros rest key a b ->. Qed.

(** Proved: a signature verifies. It says only that equal texts are equal. *)
Theorem signature_verifies : forall key s, verify key s (sign key s) = true.
Proof. intros key s. apply String.eqb_refl. Qed.

(** Proved: any other tag is rejected. Again equality of texts; there the proof failed. *)
Theorem invalid_signature_rejected : forall key s tag, tag <> sign key s -> verify key s tag = false.
Proof. intros key s tag. apply String.eqb_neq. Qed.

(** Proved: a tag verifies exactly if it is the signature. Again equality of texts; there the proof failed. *)
Theorem canonical_signing_sound : forall key s tag, verify key s tag = true <-> tag = sign key s.
Proof. intros key s tag. apply String.eqb_eq. Qed.

(** What is true instead: two valid records under one signature are one record up to rounding, or the MAC has a collision (C14N-8). *)
Theorem signature_binds : forall key (a b : signed R), valid a -> valid b -> mac key (written a) = mac key (written b) ->
  map_reals nano a = map_reals nano b \/ (written a <> written b /\ mac key (written a) = mac key (written b)).
Proof.
  intros key a b Ha Hb H. destruct (string_dec (written a) (written b)) as [Heq | Hne]; [left | now right].
  now apply canonical_injective in Heq.
Qed.

End Signatures.

Definition zeros : string := "0000000000000000000000000000000000000000000000000000000000000000".
Definition record_with (D : R) : signed R := Signed D 0 0 1%N zeros zeros 0 "shard".

(** Refuted: records that differ have different signatures. D_hat of 1 and of 1 + 10^-10 have one text, whatever the MAC (C14N-8). *)
Theorem signature_security_false : exists a b : signed R,
  valid a /\ valid b /\ a <> b /\ forall (mac : string -> string -> string) key, mac key (written a) = mac key (written b).
Proof.
  exists (record_with 1), (record_with (1 + / 10000000000)). repeat split; try easy.
  - intros H. injection H as H. lra.
  - intros mac key. f_equal. unfold written, map_reals. cbn [D_hat record_with]. f_equal. f_equal.
    transitivity one; [| symmetry]; apply nano_iff; left; unfold scale, one; apply Rabs_lt; lra.
Qed.

(** * No tag of fixed length is unique *)

Local Open Scope nat_scope.

(** All texts of [k] of the letters. *)
Fixpoint words (letters : list ascii) (k : nat) : list string :=
  match k with
  | O => [""%string]
  | S k => flat_map (fun c => map (String c) (words letters k)) letters
  end.

Lemma words_length : forall letters k, length (words letters k) = length letters ^ k.
Proof.
  intros letters k. induction k as [| k IH]; [easy |]. cbn [words Nat.pow]. rewrite <- IH. clear IH.
  generalize (words letters k). intros ws. induction letters as [| c letters IHl]; [easy |].
  cbn [flat_map length Nat.mul]. now rewrite app_length, map_length, <- IHl.
Qed.

Lemma words_complete : forall letters, (forall c, In c letters) -> forall s, In s (words letters (String.length s)).
Proof.
  intros letters Hall s. induction s as [| c s IH]; [now left |]. cbn [String.length words].
  apply in_flat_map. exists c. split; [apply Hall | now apply in_map].
Qed.

Lemma words_spelt : forall letters k s, In s (words letters k) ->
  String.length s = k /\ forall p, (forall c, In c letters -> p c = true) -> all p s = true.
Proof.
  intros letters k. induction k as [| k IH]; intros s Hs.
  - destruct Hs as [<- | []]. easy.
  - apply in_flat_map in Hs as (c & Hc & Hs). apply in_map_iff in Hs as (t & <- & Ht). apply IH in Ht as [Hlength Hall].
    split; [now cbn; rewrite Hlength |]. intros p Hp. cbn. now rewrite Hp, Hall.
Qed.

Lemma NoDup_app : forall A (xs ys : list A), NoDup xs -> NoDup ys -> (forall x, In x xs -> ~ In x ys) -> NoDup (xs ++ ys).
Proof.
  intros A xs ys Hxs Hys Hdisjoint. induction Hxs as [| x xs Hx Hxs IH]; [easy |]. cbn. constructor.
  - rewrite in_app_iff. intros [H | H]; [easy |]. now apply (Hdisjoint x (or_introl eq_refl)).
  - apply IH. intros y Hy. apply Hdisjoint. now right.
Qed.

Lemma words_NoDup : forall letters k, NoDup letters -> NoDup (words letters k).
Proof.
  intros letters k Hletters. induction k as [| k IH]; [repeat constructor; easy |]. cbn [words].
  generalize dependent (words letters k). intros ws Hws.
  induction Hletters as [| c letters Hc Hletters IHl]; [constructor |]. cbn [flat_map]. apply NoDup_app.
  - apply Injective_map_NoDup; [| easy]. intros s t H. now injection H.
  - easy.
  - intros s Hs Ht. apply in_map_iff in Hs as (s' & <- & _). apply in_flat_map in Ht as (d & Hd & Ht).
    apply in_map_iff in Ht as (t' & Ht & _). injection Ht as -> _. easy.
Qed.

Definition bytes : list ascii := map ascii_of_nat (seq 0 256).
Definition hex_digits : list ascii := map (fun n => hex_digit (N.of_nat n)) (seq 0 16).

Lemma bytes_complete : forall c, In c bytes.
Proof.
  intros c. apply in_map_iff. exists (nat_of_ascii c). split; [apply ascii_nat_embedding |].
  apply in_seq. pose proof (nat_ascii_bounded c). lia.
Qed.

(** A function to tags of [k] bytes takes one value twice on any longer list of different texts. *)
Lemma no_room : forall A (tag : A -> string) k xs,
  NoDup xs -> (forall x, String.length (tag x) = k) -> 256 ^ k < length xs ->
  ~ (forall x y, In x xs -> In y xs -> tag x = tag y -> x = y).
Proof.
  intros A tag k xs Hxs Hk Hmany Hinjective.
  assert (Hfew : length (map tag xs) <= length (words bytes k)).
  { apply NoDup_incl_length.
    - clear Hmany Hk. induction Hxs as [| x xs Hx Hxs IH]; [constructor |]. cbn. constructor.
      + intros H. apply in_map_iff in H as (y & Hy & Hin). apply Hx. rewrite <- (Hinjective y x); auto using in_eq, in_cons.
      + apply IH. intros y z Hy Hz. apply Hinjective; now right.
    - intros s Hs. apply in_map_iff in Hs as (x & <- & _). rewrite <- (Hk x). apply words_complete, bytes_complete. }
  rewrite map_length, words_length in Hfew. change (length bytes) with 256 in Hfew. lia.
Qed.

Lemma bytes_NoDup : NoDup bytes.
Proof. apply (NoDup_map_inv nat_of_ascii). change (map nat_of_ascii bytes) with (seq 0 256). apply seq_NoDup. Qed.

Lemma hex_digits_NoDup : NoDup hex_digits.
Proof. repeat constructor; cbn; intuition discriminate. Qed.

Lemma more_texts_than_tags : forall k, 256 ^ k < length (words bytes (S k)).
Proof. intros k. rewrite words_length. change (length bytes) with 256. apply Nat.pow_lt_mono_r; lia. Qed.

(** Refuted: a hash of 32 bytes is injective. There an axiom about SHA-256. *)
Theorem SHA256_collision_resistant_false : forall hash : string -> string,
  (forall s, String.length (hash s) = 32) -> ~ (forall s t, hash s = hash t -> s = t).
Proof.
  intros hash H32 H. generalize dependent 32. intros k Hk.
  apply (no_room string hash k (words bytes (S k))); auto using words_NoDup, bytes_NoDup, more_texts_than_tags.
Qed.

(** Records of every root and two epochs; there are more of them than tags of 32 bytes. *)
Definition record_of (hash : string -> string) (at_ : string * N) : signed Z :=
  Signed 0%Z 0%Z 0%Z (snd at_) (fst at_) (hash (preimage (fst at_) (snd at_) "shard")) 0%Z "shard".
Definition places (k : nat) : list (string * N) := list_prod (words hex_digits (2 * k)) [0%N; 1%N].

Lemma list_prod_NoDup : forall A B (xs : list A) (ys : list B), NoDup xs -> NoDup ys -> NoDup (list_prod xs ys).
Proof.
  intros A B xs ys Hxs Hys. induction Hxs as [| x xs Hx Hxs IH]; [constructor |]. cbn. apply NoDup_app; [| easy |].
  - apply Injective_map_NoDup; [| easy]. intros y z H. now injection H.
  - intros [x' y] H H'. apply in_map_iff in H as (z & Hz & _). injection Hz as <- _. apply in_prod_iff in H'. easy.
Qed.

Lemma more_places_than_tags : forall k, 256 ^ k < length (places k).
Proof.
  intros k. unfold places. rewrite prod_length, words_length. change (length hex_digits) with 16.
  rewrite Nat.pow_mul_r. change (16 ^ 2) with 256. change (length [0%N; 1%N]) with 2.
  assert (H : 256 ^ k <> 0) by (apply Nat.pow_nonzero; lia). lia.
Qed.

Lemma root_of_place : forall at_, In at_ (places 32) -> hex64 (fst at_) = true /\ (snd at_ <= 1)%N.
Proof.
  intros [root epoch] H. apply in_prod_iff in H as [Hroot Hepoch]. split.
  - apply words_spelt in Hroot as [Hlength Hall]. unfold hex64. cbn [fst]. rewrite Hlength, Hall; [easy |].
    intros c Hc. cbn in Hc. repeat (destruct Hc as [<- | Hc]; [easy |]). easy.
  - destruct Hepoch as [<- | [<- | []]]; easy.
Qed.

(** Refuted: no two valid records have one signature. There admitted; some two share a tag of 32 bytes, whatever hash names them
    and whatever MAC signs them. *)
Theorem signature_uniqueness_false : forall (hash : string -> string) (mac : string -> string -> string) key,
  (forall s, hex64 (hash s) = true) -> (forall s, String.length (mac key s) = 32) ->
  ~ (forall a b : signed Z, valid a -> valid b -> in_range a -> in_range b ->
       pcs_id a = hash (preimage (merkle_root a) (epoch a) (shard_id a)) ->
       pcs_id b = hash (preimage (merkle_root b) (epoch b) (shard_id b)) ->
       sign mac key a = sign mac key b -> a = b).
Proof.
  intros hash mac key Hhash Hmac H.
  apply (no_room (string * N) (fun at_ => sign mac key (record_of hash at_)) 32 (places 32)).
  - apply list_prod_NoDup; [apply words_NoDup, hex_digits_NoDup |]. repeat constructor; cbn; intuition discriminate.
  - intros x. apply Hmac.
  - apply more_places_than_tags.
  - assert (Hgood : forall at_, In at_ (places 32) -> valid (record_of hash at_) /\ in_range (record_of hash at_)).
    { intros at_ Hin. apply root_of_place in Hin as [Hroot Hepoch]. repeat split; cbn; try easy; try apply Hhash.
      apply N.le_trans with (1 := Hepoch). easy. }
    intros [m e] [n f] Hx Hy Hsign.
    assert (Heq : record_of hash (m, e) = record_of hash (n, f)) by (apply H; try apply Hgood; easy).
    now injection Heq as -> ->.
Qed.
