(** Regimes partition the plane (SIG-4), the order of the tests does not matter, and a program that compares binary64 numbers finds the
    regime of what is signed. *)

From Coq Require Import Reals ZArith Lia Lra Bool.
From Flocq Require Import Core.
From Flk Require Import Constants Nano Binary64.
Open Scope Z_scope.

Inductive regime : Set := Sticky | Mixed | NonSticky.

(** Of signals as they are signed, in billionths, by the tests in their order. *)
Definition regime_of (D c : Z) : regime :=
  if (sticky_coh_min <=? c) && (D <=? sticky_D_max) then Sticky
  else if non_sticky_D_min <=? D then NonSticky
  else Mixed.

(** What each regime is, without an order. *)
Definition is (g : regime) (D c : Z) : Prop :=
  match g with
  | Sticky => sticky_coh_min <= c /\ D <= sticky_D_max
  | NonSticky => non_sticky_D_min <= D
  | Mixed => ~ (sticky_coh_min <= c /\ D <= sticky_D_max) /\ ~ non_sticky_D_min <= D
  end.

(** No slope is both low and high: all that the partition rests on. *)
Lemma low_is_not_high : sticky_D_max < non_sticky_D_min.
Proof. reflexivity. Qed.

(** The tests in their order find what the regimes are without an order (SIG-4). *)
Theorem regime_of_is : forall g D c, regime_of D c = g <-> is g D c.
Proof.
  intros g D c. unfold regime_of. pose proof low_is_not_high.
  destruct (Z.leb_spec sticky_coh_min c), (Z.leb_spec D sticky_D_max), (Z.leb_spec non_sticky_D_min D);
    destruct g; cbn [is andb]; split; intros; try easy; try lia.
Qed.

(** Each pair of signals has exactly one regime (SIG-4). *)
Theorem regimes_partition : forall D c, exists! g, is g D c.
Proof.
  intros D c. exists (regime_of D c). split.
  - now apply regime_of_is.
  - intros g Hg. now apply regime_of_is.
Qed.

(** The tests in the other order find the same (SIG-4). *)
Theorem order_of_tests_does_not_matter : forall D c,
  regime_of D c =
    if non_sticky_D_min <=? D then NonSticky
    else if (sticky_coh_min <=? c) && (D <=? sticky_D_max) then Sticky
    else Mixed.
Proof.
  intros D c. unfold regime_of. pose proof low_is_not_high.
  destruct (Z.leb_spec non_sticky_D_min D), (Z.leb_spec D sticky_D_max); rewrite ?andb_false_r; easy || lia.
Qed.

(** Every regime has a valid record (SIG-4, REC-6). *)
Theorem every_regime_occurs : forall g, exists D c, 0 <= D <= D_hat_max /\ 0 <= c <= coh_star_max /\ regime_of D c = g.
Proof.
  intros [].
  - exists 0, sticky_coh_min. repeat split; discriminate || reflexivity.
  - exists 0, 0. repeat split; discriminate || reflexivity.
  - exists non_sticky_D_min, 0. repeat split; discriminate || reflexivity.
Qed.

(** The program: rounds the signals, and compares binary64 numbers with thresholds that are binary64 numbers. *)
Definition regime64 (D c : R) : regime :=
  let D := round9_64 D in
  let c := round9_64 c in
  let threshold n := fl (value n) in
  if Rle_bool (threshold sticky_coh_min) c && Rle_bool D (threshold sticky_D_max) then Sticky
  else if Rle_bool (threshold non_sticky_D_min) D then NonSticky
  else Mixed.

Lemma small_nano : forall x, (Rabs x <= IZR limit)%R -> Z.abs (nano x) <= limit * one.
Proof.
  intros x H. apply Rabs_le_inv in H as [Hl Hu]. apply nano_monotone in Hl, Hu.
  rewrite <- opp_IZR in Hl. rewrite !nano_integer in *. lia.
Qed.

Lemma compare64 : forall n m, Z.abs n <= limit * one -> Z.abs m <= limit * one -> Rle_bool (fl (value n)) (fl (value m)) = (n <=? m).
Proof.
  intros n m Hn Hm. pose proof (comparing_is_comparing_billionths n m Hn Hm) as H.
  destruct (Rle_bool_spec (fl (value n)) (fl (value m))) as [Hle | Hgt], (Z.leb_spec n m) as [Hz | Hz]; try easy; exfalso.
  - apply H in Hle. lia.
  - apply H in Hz. lra.
Qed.

(** A program that compares binary64 numbers finds the regime of what is signed (SIG-4). *)
Theorem regime64_is_of_what_is_signed : forall D c,
  (Rabs D <= IZR limit)%R -> (Rabs c <= IZR limit)%R -> regime64 D c = regime_of (nano D) (nano c).
Proof.
  intros D c HD Hc. apply small_nano in HD, Hc. unfold regime64, regime_of, round9_64, round9.
  rewrite !compare64; easy.
Qed.

(** Rounding the signals before does not change the regime (SIG-4). *)
Theorem rounding_keeps_the_regime : forall D c, format D -> format c -> regime64 (round9_64 D) (round9_64 c) = regime64 D c.
Proof. intros D c HD Hc. unfold regime64. now rewrite !round9_64_idempotent. Qed.
