(** Rounding of binary64 numbers (Flocq): signing survives a trip through text, comparisons of rounded numbers are comparisons of billionths,
    and the short cuts that programs take are exact. *)

From Coq Require Import Reals ZArith String Lia Lra.
From Flocq Require Import Core Binary Bits.
From Flk Require Import Constants Nano Text Canonical.
Open Scope R_scope.

Local Instance precision : Prec_gt_0 53 := eq_refl.

(** The values of finite binary64 numbers, were exponents not bounded above, and the nearest of them, half to even. *)
Definition format : R -> Prop := generic_format radix2 (FLT_exp (-1074) 53).
Definition fl (x : R) : R := round radix2 (FLT_exp (-1074) 53) ZnearestE x.

(** How a number is written (C14N-2), and how a text is read: as the nearest binary64 number. *)
Definition print (x : R) : string := fixed9 (nano x).
Definition parse (s : string) : R := fl (value (read9 s)).

(** The binary64 number nearest to [x] rounded to nine decimals. *)
Definition round9_64 (x : R) : R := fl (round9 x).

(** * Rounding errors *)

Lemma format_bpow : forall e, (-1074 <= e)%Z -> format (bpow radix2 e).
Proof. intros e He. now apply generic_format_FLT_bpow. Qed.

Lemma format_fl : forall x, format (fl x).
Proof. intros x. apply generic_format_round; auto with typeclass_instances. Qed.

Lemma fl_format : forall x, format x -> fl x = x.
Proof. intros x. apply round_generic. auto with typeclass_instances. Qed.

Lemma fl_monotone : forall x y, x <= y -> fl x <= fl y.
Proof. intros x y. apply round_le; auto with typeclass_instances. Qed.

Lemma fl_opp : forall x, fl (- x) = - fl x.
Proof. intros x. apply round_NE_opp. Qed.

Lemma format_opp : forall x, format x -> format (- x).
Proof. intros x. apply generic_format_opp. Qed.

(** Below 2^e in size, the error is at most 2^(e - 54): half a unit in the last place. *)
Lemma fl_error : forall x e, (-1021 <= e)%Z -> Rabs x <= bpow radix2 e -> Rabs (fl x - x) <= bpow radix2 (e - 54).
Proof.
  intros x e He Hx. destruct (Rle_lt_or_eq_dec _ _ Hx) as [Hlt | Heq].
  - apply Rle_trans with (/2 * ulp radix2 (FLT_exp (-1074) 53) x).
    { apply error_le_half_ulp; auto with typeclass_instances. }
    replace (bpow radix2 (e - 54)) with (/2 * bpow radix2 (e - 53)).
    2: { replace (e - 53)%Z with (1 + (e - 54))%Z by ring. rewrite bpow_plus. simpl (bpow radix2 1). lra. }
    apply Rmult_le_compat_l; [lra |]. destruct (Req_dec x 0) as [-> | Hx0].
    + rewrite ulp_FLT_0 by easy. apply bpow_le. lia.
    + rewrite ulp_neq_0 by easy. apply bpow_le. unfold cexp, FLT_exp.
      assert (mag radix2 x <= e)%Z by now apply mag_le_bpow. lia.
  - replace (fl x) with x; [rewrite Rminus_diag_eq, Rabs_R0 by easy; apply bpow_ge_0 |].
    symmetry. apply fl_format. destruct (Rle_dec 0 x).
    + rewrite Rabs_pos_eq in Heq by easy. subst x. apply format_bpow. lia.
    + rewrite Rabs_left in Heq by lra. rewrite <- (Ropp_involutive x), Heq. apply format_opp, format_bpow. lia.
Qed.

(** * From a text to a number and back *)

Definition limit : Z := 2 ^ 23.

Lemma limit_bpow : IZR limit = bpow radix2 23.
Proof. unfold limit. simpl. lra. Qed.

Lemma value_limit : value (limit * one) = IZR limit.
Proof. unfold value. rewrite mult_IZR. fold scale. field. apply Rgt_not_eq, scale_positive. Qed.

Lemma scale_is : scale = 1000000000.
Proof. reflexivity. Qed.

(** A text of nine decimals up to 2^23 is read as a binary64 number that is written the same (C14N-2). *)
Theorem text_survives_a_trip : forall n, (Z.abs n <= limit * one)%Z -> nano (fl (value n)) = n.
Proof.
  intros n Hn.
  assert (Hv : Rabs (value n) <= bpow radix2 23).
  { rewrite <- limit_bpow, <- value_limit. unfold value. unfold Rdiv. rewrite Rabs_mult, <- abs_IZR.
    rewrite (Rabs_pos_eq (/ scale)) by apply Rlt_le, Rinv_0_lt_compat, scale_positive.
    apply Rmult_le_compat_r; [apply Rlt_le, Rinv_0_lt_compat, scale_positive | now apply IZR_le]. }
  apply fl_error in Hv; [| easy]. apply nano_iff. left.
  rewrite <- (value_scaled n) , <- Rmult_minus_distr_r, <- Rabs_scaled. rewrite scale_is.
  simpl bpow in Hv. lra.
Qed.

(** From 2^23 on, binary64 numbers are 2^-29 apart or more: further than billionths are. *)
Lemma format_grid : forall x, format x -> IZR limit <= x -> exists m, x = IZR m * bpow radix2 (-29).
Proof.
  intros x Hx Hlarge.
  assert (Hfix : generic_format radix2 (FIX_exp (-29)) x).
  { apply (generic_inclusion_ge radix2 (FLT_exp (-1074) 53) _ 23); [| | easy].
    - intros e He. unfold FIX_exp, FLT_exp. lia.
    - rewrite <- limit_bpow, Rabs_pos_eq; [easy |]. apply Rle_trans with (IZR limit); [now apply IZR_le | easy]. }
  apply FIX_format_generic in Hfix as [[m e] Hm He]. exists m. now rewrite Hm, <- He.
Qed.

Lemma grid_step : bpow radix2 (-29) = / 536870912.
Proof. reflexivity. Qed.

(** That range is exact: one billionth more, and the text changes (C14N-2). *)
Theorem text_trip_limit_is_exact : nano (fl (value (limit * one + 1))) <> (limit * one + 1)%Z.
Proof.
  set (v := value _). intros H.
  assert (Hv : v = IZR limit + / 1000000000).
  { unfold v, value. rewrite plus_IZR, mult_IZR, scale_is. change (IZR one) with 1000000000. field. }
  assert (Hlarge : IZR limit <= fl v).
  { rewrite <- (fl_format (IZR limit)) by (rewrite limit_bpow; now apply format_bpow). apply fl_monotone. lra. }
  destruct (format_grid (fl v) (format_fl v) Hlarge) as [m Hm]. rewrite grid_step in Hm.
  assert (Hnear : Rabs (fl v - v) <= / 2000000000).
  { apply Rmult_le_reg_r with scale; [apply scale_positive |]. rewrite Rabs_scaled, Rmult_minus_distr_r.
    unfold v at 2. rewrite value_scaled, <- H. apply Rle_trans with (1 := nano_half _). rewrite scale_is. lra. }
  rewrite Hm, Hv in Hnear. unfold limit in Hnear. simpl (2 ^ 23)%Z in Hnear.
  assert (Hk : 0 < IZR (m - 8388608 * 536870912) < 1) by (rewrite minus_IZR, mult_IZR; split_Rabs; lra).
  destruct Hk as [H0 H1]. apply lt_IZR in H0. apply lt_IZR in H1. lia.
Qed.

(** Above 2^23 a number is so far from its neighbours that its text reads as itself. *)
Lemma large_numbers_are_read_back : forall x, format x -> IZR limit < x -> fl (round9 x) = x.
Proof.
  intros x Hx Hlarge.
  assert (Hnear : Rabs (x - round9 x) <= / 2000000000).
  { apply Rmult_le_reg_r with scale; [apply scale_positive |]. unfold round9.
    rewrite Rabs_scaled, Rmult_minus_distr_r, value_scaled. apply Rle_trans with (1 := nano_half x). rewrite scale_is. lra. }
  assert (Hread : Rabs (fl (round9 x) - round9 x) <= Rabs (x - round9 x)).
  { apply round_N_pt; [auto with typeclass_instances | easy]. }
  destruct (format_grid x Hx (Rlt_le _ _ Hlarge)) as [m Hm]. rewrite grid_step in Hm.
  unfold limit in Hlarge. simpl (2 ^ 23)%Z in Hlarge.
  assert (Hm1 : (8388608 * 536870912 + 1 <= m)%Z).
  { apply Zlt_le_succ, lt_IZR. rewrite mult_IZR. lra. }
  apply IZR_le in Hm1. rewrite plus_IZR, mult_IZR in Hm1.
  assert (Hfl : IZR limit <= fl (round9 x)).
  { rewrite <- (fl_format (IZR limit)) by (rewrite limit_bpow; now apply format_bpow). apply fl_monotone.
    unfold limit. simpl (2 ^ 23)%Z. split_Rabs; lra. }
  destruct (format_grid _ (format_fl _) Hfl) as [k Hk]. rewrite grid_step in Hk.
  assert (Hkm : (k = m)%Z).
  { assert (Hd : -1 < IZR (k - m) < 1) by (rewrite minus_IZR; split_Rabs; lra).
    destruct Hd as [H0 H1]. apply lt_IZR in H0. apply lt_IZR in H1. lia. }
  now rewrite Hk, Hm, Hkm.
Qed.

Lemma round9_opp : forall x, round9 (- x) = - round9 x.
Proof. intros x. unfold round9, value, Rdiv. rewrite nano_odd, opp_IZR. ring. Qed.

Lemma nano_integer : forall n, nano (IZR n) = (n * one)%Z.
Proof. intros n. unfold nano, scale. rewrite <- mult_IZR. apply Zrnd_IZR. auto with typeclass_instances. Qed.

(** Rounding to nine decimals and then to binary64 keeps the billionths of every binary64 number (C14N-7). *)
Lemma rounding_survives_a_trip : forall x, format x -> nano (round9_64 x) = nano x.
Proof.
  intros x Hx. unfold round9_64. destruct (Rle_lt_dec (Rabs x) (IZR limit)) as [Hsmall | Hlarge].
  - apply text_survives_a_trip. apply Rabs_le_inv in Hsmall as [Hl Hu].
    apply nano_monotone in Hl, Hu. rewrite <- opp_IZR in Hl. rewrite !nano_integer in *. lia.
  - destruct (Rle_lt_dec 0 x) as [Hpos | Hneg].
    + rewrite Rabs_pos_eq in Hlarge by easy. now rewrite large_numbers_are_read_back.
    + rewrite Rabs_left in Hlarge by easy. f_equal. rewrite <- (Ropp_involutive x), round9_opp, fl_opp.
      f_equal. apply large_numbers_are_read_back; [now apply format_opp | easy].
Qed.

(** Rounding a binary64 number to nine decimals twice is rounding it once (C14N-7). *)
Theorem round9_64_idempotent : forall x, format x -> round9_64 (round9_64 x) = round9_64 x.
Proof. intros x Hx. unfold round9_64 at 1 3, round9. now rewrite rounding_survives_a_trip. Qed.

(** What is signed stays signed: print, read, print again. *)
Lemma print_parse_print : forall x, format x -> print (parse (print x)) = print x.
Proof.
  intros x Hx. unfold parse, print at 2. rewrite read9_fixed9. unfold print. f_equal. now apply rounding_survives_a_trip.
Qed.

(** What is signed stays signed: every finite binary64 number, written, read and written again, has the same text (C14N-2, C14N-7). *)
Theorem signing_survives_a_trip : forall x : binary64, is_finite 53 1024 x = true ->
  print (parse (print (B2R 53 1024 x))) = print (B2R 53 1024 x).
Proof. intros x _. apply print_parse_print, generic_format_B2R. Qed.

(** * Comparing rounded numbers *)

(** Up to 2^23, comparing rounded binary64 numbers is comparing their billionths (JDG-1, SIG-4). *)
Theorem comparing_is_comparing_billionths : forall n m,
  (Z.abs n <= limit * one)%Z -> (Z.abs m <= limit * one)%Z -> (fl (value n) <= fl (value m) <-> (n <= m)%Z).
Proof.
  intros n m Hn Hm. split; intros H.
  - rewrite <- (text_survives_a_trip n Hn), <- (text_survives_a_trip m Hm). now apply nano_monotone.
  - apply fl_monotone. unfold value. apply Rmult_le_compat_r; [| now apply IZR_le].
    apply Rlt_le, Rinv_0_lt_compat, scale_positive.
Qed.

(** * The fast way to billionths

    Below 8 the product with 10^9 is rounded by less than 2^-20, so its nearest integer is the right one unless a half is that close. *)
(** Below 8, the nearest integer of the rounded product with 10^9 is right unless a tie is within 2^-20 (C14N-2). *)
Theorem fast_path_is_exact : forall x n,
  Rabs x < 8 -> Rabs (fl (fl (x * scale) - IZR n)) < /2 - / 1048576 -> nano x = n.
Proof.
  intros x n Hx Hclear.
  assert (Hsize : Rabs (x * scale) <= bpow radix2 33).
  { rewrite <- Rabs_scaled, scale_is. simpl bpow. lra. }
  apply fl_error in Hsize; [| easy]. replace (bpow radix2 (33 - 54)) with (/ 2097152) in Hsize by reflexivity.
  assert (Hbound : format (/2 - / 1048576)).
  { replace (/2 - / 1048576) with (F2R (Float radix2 524287 (-20))) by (unfold F2R; simpl; lra).
    apply generic_format_FLT. now exists (Float radix2 524287 (-20)). }
  set (u := fl (x * scale) - IZR n) in *.
  assert (Hu : Rabs u < /2 - / 1048576).
  { apply Rnot_le_lt. intros Hle. apply Rlt_not_le in Hclear. apply Hclear.
    destruct (Rle_lt_dec 0 u) as [Hu | Hu].
    - rewrite Rabs_pos_eq in Hle by easy. apply fl_monotone in Hle. rewrite fl_format in Hle by easy.
      apply Rle_trans with (1 := Hle), Rle_abs.
    - rewrite Rabs_left in Hle by easy. apply fl_monotone in Hle. rewrite fl_format, fl_opp in Hle by easy.
      apply Rle_trans with (1 := Hle). rewrite <- Rabs_Ropp. apply Rle_abs. }
  apply nano_iff. left. unfold u in Hu. split_Rabs; lra.
Qed.

(** * Signed records *)

Definition written (s : signed R) : string := canonical (map_reals nano s).

(** What rounding to a binary64 number leaves as it is: what an agent sends. *)
Definition rounded (s : signed R) : Prop := map_reals round9_64 s = s.

(** Two valid records of rounded binary64 numbers with one text are one record (C14N-8). *)
Theorem rounded_records_are_determined : forall a b,
  valid a -> valid b -> rounded a -> rounded b -> written a = written b -> a = b.
Proof.
  intros a b Ha Hb Ra Rb H. apply canonical_injective in H; [| easy | easy].
  rewrite <- Ra, <- Rb. unfold map_reals, round9_64, round9 in *.
  injection H as HD Hbudget Hc He Hm Hp Hr Hs. now rewrite HD, Hbudget, Hc, He, Hm, Hp, Hr, Hs.
Qed.
