(** The bytes that are signed (C14N-1), and the text whose hash is a record's id (ID-1): each determines what it was made of.

    Texts are sequences of bytes, as UTF-8 has them. A signed record is a [signed A], where [A] is how its reals are given: as integers in
    billionths here, as real numbers or binary64 elsewhere. *)

From Coq Require Import Ascii String List Sorted NArith ZArith Lia Bool.
From Flk Require Import Constants Text.
Import ListNotations.
Open Scope string_scope.

Record signed (A : Type) : Type := Signed {
  D_hat : A; budget : A; coh_star : A; epoch : N; merkle_root : string; pcs_id : string; r : A; shard_id : string }.
Arguments Signed {A}. Arguments D_hat {A}. Arguments budget {A}. Arguments coh_star {A}. Arguments epoch {A}.
Arguments merkle_root {A}. Arguments pcs_id {A}. Arguments r {A}. Arguments shard_id {A}.

Definition map_reals {A B} (f : A -> B) (s : signed A) : signed B :=
  Signed (f (D_hat s)) (f (budget s)) (f (coh_star s)) (epoch s) (merkle_root s) (pcs_id s) (f (r s)) (shard_id s).

(** * Valid texts (ID-2, ID-3, ID-4) *)

Definition quote : ascii := """".
Definition backslash : ascii := "\".
Definition bar : ascii := "|".

Definition is_hex (c : ascii) : bool := let n := N_of_ascii c in (is_digit c || (97 <=? n) && (n <=? 102))%N.
Definition hex64 (s : string) : bool := (String.length s =? 64)%nat && all is_hex s.

(** Printable ASCII without quote, backslash and bar. *)
Definition is_plain (c : ascii) : bool :=
  let n := N_of_ascii c in
  ((32 <=? n) && (n <=? 126))%N && negb (Ascii.eqb c quote) && negb (Ascii.eqb c backslash) && negb (Ascii.eqb c bar).
Definition short_plain (s : string) : bool :=
  (1 <=? String.length s)%nat && (String.length s <=? 128)%nat && all is_plain s.

Definition valid {A} (s : signed A) : Prop :=
  hex64 (merkle_root s) = true /\ hex64 (pcs_id s) = true /\ short_plain (shard_id s) = true /\ (epoch s <= Z.to_N max_epoch)%N.

(** Signals in range, in billionths (REC-5). *)
Definition in_range (s : signed Z) : Prop :=
  (0 <= D_hat s <= D_hat_max /\ 0 <= coh_star s <= coh_star_max /\ 0 <= r s <= one /\ 0 <= budget s <= one)%Z.

(** * The canonical text *)

Definition hex_digit (n : N) : ascii := if (n <? 10)%N then digit n else ascii_of_N (87 + n).

(** RFC 8785, section 3.2.2.2. *)
Definition escape (c : ascii) : string :=
  match N_of_ascii c with
  | 34 => "\""" | 92 => "\\"
  | 8 => "\b" | 9 => "\t" | 10 => "\n" | 12 => "\f" | 13 => "\r"
  | n => if (n <? 32)%N then "\u00" ++ String (hex_digit (n / 16)) (String (hex_digit (n mod 16)) "") else String c ""
  end%N.

Fixpoint escaped (s : string) : string :=
  match s with
  | "" => ""
  | String c s => escape c ++ escaped s
  end.

Definition quoted (s : string) : string := String quote (escaped s ++ String quote "").

(** The fields and their texts. Reals are in billionths. *)
Definition fields (s : signed Z) : list (string * string) :=
  [ ("D_hat", fixed9 (D_hat s)); ("budget", fixed9 (budget s)); ("coh_star", fixed9 (coh_star s));
    ("epoch", natural (epoch s)); ("merkle_root", quoted (merkle_root s)); ("pcs_id", quoted (pcs_id s));
    ("r", fixed9 (r s)); ("shard_id", quoted (shard_id s)) ].

Definition member (f : string * string) : string := quoted (fst f) ++ ":" ++ snd f.

Definition canonical (s : signed Z) : string := "{" ++ String.concat "," (map member (fields s)) ++ "}".

(** The text that [pcs_id] is the hash of. *)
Definition preimage (root : string) (epoch : N) (shard : string) : string :=
  root ++ String bar (natural epoch ++ String bar shard).

(** * Order and escapes *)

(** The keys of the canonical form are in code-point order (C14N-1). *)
Theorem keys_in_code_point_order : forall s,
  StronglySorted (fun a b => String.compare a b = Lt) (map fst (fields s)).
Proof. intros s. cbn [map fst fields]. repeat (constructor; [| repeat constructor]). constructor. Qed.

Lemma hex_is_plain : forall c, is_hex c = true -> is_plain c = true.
Proof. now intros [[] [] [] [] [] [] [] []]. Qed.

(** The signed texts of a valid record are written as they are, in every language (C14N-5, ID-3). *)
Theorem plain_texts_need_no_escape : forall s, all is_plain s = true -> escaped s = s.
Proof.
  induction s as [| c s IH]; [easy |]. cbn [all escaped]. rewrite andb_true_iff. intros [Hc Hs].
  rewrite IH by easy. now destruct c as [[] [] [] [] [] [] [] []].
Qed.

Lemma plain_free : forall c s, is_plain c = false -> all is_plain s = true -> free c s = true.
Proof.
  intros c s Hc. apply all_weaken. intros d Hd. apply negb_true_iff, Ascii.eqb_neq. congruence.
Qed.

Lemma hex64_plain : forall s, hex64 s = true -> all is_plain s = true.
Proof. intros s H. apply andb_true_iff in H as [_ H]. revert H. apply all_weaken, hex_is_plain. Qed.

Lemma short_plain_plain : forall s, short_plain s = true -> all is_plain s = true.
Proof. intros s H. now apply andb_true_iff in H as [_ H]. Qed.

(** * What the texts determine *)

(** [H] says that two texts are equal. Both begin with the same characters, then comes a text that ends at the first [c]. *)
Local Ltac split_field H c free equal :=
  injection H as H; apply (split_at c) in H as [equal H]; [| free | free].

(** The canonical text of a valid record determines all eight fields, the reals in billionths (C14N-8). *)
Theorem canonical_injective : forall a b, valid a -> valid b -> canonical a = canonical b -> a = b.
Proof.
  intros [d1 g1 c1 e1 m1 p1 r1 s1] [d2 g2 c2 e2 m2 p2 r2 s2].
  intros (Hm1 & Hp1 & Hs1 & _) (Hm2 & Hp2 & Hs2 & _) H. simpl in Hm1, Hp1, Hs1, Hm2, Hp2, Hs2.
  apply hex64_plain in Hm1, Hp1, Hm2, Hp2. apply short_plain_plain in Hs1, Hs2.
  unfold canonical, fields in H. cbn [map String.concat D_hat budget coh_star epoch merkle_root pcs_id r shard_id] in H.
  unfold member, quoted in H. cbn [fst snd] in H. rewrite !plain_texts_need_no_escape in H by easy.
  repeat (cbn [append] in H; rewrite ?append_assoc in H).
  split_field H ","%char ltac:(apply fixed9_free) Hd. split_field H ","%char ltac:(apply fixed9_free) Hg.
  split_field H ","%char ltac:(apply fixed9_free) Hc. split_field H ","%char ltac:(now apply natural_free) He.
  split_field H quote ltac:(now apply plain_free) Hm. split_field H quote ltac:(now apply plain_free) Hp.
  split_field H ","%char ltac:(apply fixed9_free) Hr. split_field H quote ltac:(now apply plain_free) Hs.
  apply fixed9_injective in Hd, Hg, Hc, Hr. apply natural_injective in He. now subst.
Qed.

(** Whatever turns reals into billionths: two valid records have one text exactly when they agree in all eight fields, the reals up to
    rounding (C14N-8). *)
Theorem canonical_determines_fields : forall A (round : A -> Z) (a b : signed A), valid a -> valid b ->
  (canonical (map_reals round a) = canonical (map_reals round b) <-> map_reals round a = map_reals round b).
Proof. intros A round a b Ha Hb. split; [now apply canonical_injective | now intros ->]. Qed.

(** Distinct computations have distinct texts before the hash (ID-5). The form of roots is enough: a shard may hold anything. *)
Theorem preimage_injective : forall root1 epoch1 shard1 root2 epoch2 shard2,
  hex64 root1 = true -> hex64 root2 = true ->
  preimage root1 epoch1 shard1 = preimage root2 epoch2 shard2 -> root1 = root2 /\ epoch1 = epoch2 /\ shard1 = shard2.
Proof.
  intros root1 epoch1 shard1 root2 epoch2 shard2 H1 H2 H. apply hex64_plain in H1, H2. unfold preimage in H.
  apply split_at in H as [Hroot H]; try now apply plain_free.
  apply split_at in H as [Hepoch Hshard]; try now apply natural_free.
  now apply natural_injective in Hepoch.
Qed.

(** Without a rule for roots two computations share a text (ID-5). *)
Theorem preimage_of_any_text_is_ambiguous : preimage "a|1" 2 "x" = preimage "a" 1 "2|x".
Proof. reflexivity. Qed.
