(** Texts as the canonical form has them: decimals, and what it takes to tell where one text ends and the next begins. *)

From Coq Require Import Ascii String NArith ZArith Lia Bool.
From Flk Require Import Constants.
Open Scope string_scope.

(** * Decimals *)

Definition digit (d : N) : ascii := ascii_of_N (48 + d).

(** The last [k] decimal digits of [n], and all of them without leading zeros: no number has more decimal digits than binary ones. *)
Fixpoint last_digits (k : nat) (n : N) : string :=
  match k with
  | O => ""
  | S k => last_digits k (n / 10) ++ String (digit (n mod 10)) ""
  end.

Fixpoint natural_within (k : nat) (n : N) : string :=
  match k with
  | O => ""
  | S k => (if (n <? 10)%N then "" else natural_within k (n / 10)) ++ String (digit (n mod 10)) ""
  end.

Definition natural (n : N) : string := natural_within (S (N.to_nat (N.size n))) n.

(** [n] billionths with exactly nine fractional digits; zero has no sign (C14N-2, C14N-3). *)
Definition fixed9 (n : Z) : string :=
  let whole := Z.to_N (Z.abs n / one) in
  let rest := Z.to_N (Z.abs n mod one) in
  (if (n <? 0)%Z then "-" else "") ++ natural whole ++ "." ++ last_digits digits rest.

(** Reading: every character is taken for a digit. *)
Fixpoint read (n : N) (s : string) : N :=
  match s with
  | "" => n
  | String c s => read (10 * n + (N_of_ascii c - 48)) s
  end.

Fixpoint without (c : ascii) (s : string) : string :=
  match s with
  | "" => ""
  | String d s => if Ascii.eqb d c then without c s else String d (without c s)
  end.

Definition read_integer (s : string) : Z :=
  match s with
  | String "-" s => - Z.of_N (read 0 s)
  | _ => Z.of_N (read 0 s)
  end.

(** The point left out, the billionths are an integer. *)
Definition read9 (s : string) : Z := read_integer (without "." s).

(** * Texts over an alphabet *)

Fixpoint all (p : ascii -> bool) (s : string) : bool :=
  match s with
  | "" => true
  | String c s => p c && all p s
  end.

Definition is_digit (c : ascii) : bool := let n := N_of_ascii c in ((48 <=? n) && (n <=? 57))%N.

Definition free (c : ascii) : string -> bool := all (fun d => negb (Ascii.eqb d c)).

Lemma append_assoc : forall a b c, (a ++ b) ++ c = a ++ b ++ c.
Proof. induction a as [| x a IH]; intros b c; simpl; [easy | now rewrite IH]. Qed.

Lemma all_append : forall p a b, all p (a ++ b) = all p a && all p b.
Proof. intros p a b. induction a as [| x a IH]; simpl; [easy | now rewrite IH, andb_assoc]. Qed.

Lemma all_weaken : forall (p q : ascii -> bool) s, (forall c, p c = true -> q c = true) -> all p s = true -> all q s = true.
Proof.
  intros p q s Hpq. induction s as [| c s IH]; simpl; [easy |].
  rewrite !andb_true_iff. intros [Hc Hs]. auto.
Qed.

(** Up to the first [c], two equal texts are equal, and after it. *)
Lemma split_at : forall c a b s t,
  free c a = true -> free c b = true -> a ++ String c s = b ++ String c t -> a = b /\ s = t.
Proof.
  intros c. unfold free. induction a as [| x a IH]; destruct b as [| y b]; intros s t Ha Hb H; simpl in *.
  - now injection H.
  - injection H as Hx _. subst. now rewrite Ascii.eqb_refl in Hb.
  - injection H as Hx _. subst. now rewrite Ascii.eqb_refl in Ha.
  - injection H as Hx H. subst.
    apply andb_true_iff in Ha as [_ Ha]. apply andb_true_iff in Hb as [_ Hb].
    destruct (IH b s t Ha Hb H) as [-> ->]. easy.
Qed.

(** * Decimals determine their numbers *)

Lemma read_append : forall a b n, read n (a ++ b) = read (read n a) b.
Proof. induction a as [| c a IH]; intros b n; simpl; [easy | now rewrite IH]. Qed.

Lemma digit_value : forall d, (d < 10)%N -> (N_of_ascii (digit d) - 48 = d)%N.
Proof. intros d H. unfold digit. rewrite N_ascii_embedding; lia. Qed.

Lemma digit_is_digit : forall n, is_digit (digit (n mod 10)) = true.
Proof.
  intros n. assert (H : (n mod 10 < 10)%N) by now apply N.mod_lt. revert H. generalize (n mod 10)%N. intros d H.
  unfold is_digit, digit. rewrite N_ascii_embedding by lia. apply andb_true_iff. split; apply N.leb_le; lia.
Qed.

Lemma read_last_digits : forall k n m,
  (read m (last_digits k n) = m * 10 ^ N.of_nat k + n mod 10 ^ N.of_nat k)%N.
Proof.
  induction k as [| k IH]; intros n m.
  - simpl. rewrite N.mod_1_r. lia.
  - cbn [last_digits]. rewrite read_append, IH. cbn [read]. rewrite digit_value by now apply N.mod_lt.
    rewrite Nat2N.inj_succ, N.pow_succ_r', N.mod_mul_r by (try apply N.pow_nonzero; discriminate).
    ring.
Qed.

Lemma read_last_digit : forall n s, read 0 s = (n / 10)%N -> read 0 (s ++ String (digit (n mod 10)) "") = n.
Proof.
  intros n s H. rewrite read_append, H. cbn [read]. rewrite digit_value by now apply N.mod_lt.
  symmetry. now apply N.div_mod.
Qed.

Lemma read_natural_within : forall k n, (n < 2 ^ N.of_nat k)%N -> read 0 (natural_within (S k) n) = n.
Proof.
  induction k as [| k IH]; intros n Hn.
  - simpl in Hn. now replace n with 0%N by lia.
  - rewrite Nat2N.inj_succ, N.pow_succ_r' in Hn. cbn [natural_within]. apply read_last_digit.
    destruct (N.ltb_spec n 10) as [H | H]; [now rewrite N.div_small |].
    apply IH. apply N.div_lt_upper_bound; lia.
Qed.

Lemma read_natural : forall n, read 0 (natural n) = n.
Proof. intros n. apply read_natural_within. rewrite N2Nat.id. apply N.size_gt. Qed.

Lemma natural_injective : forall n m, natural n = natural m -> n = m.
Proof. intros n m H. now rewrite <- (read_natural n), H, read_natural. Qed.

Lemma natural_digits : forall n, all is_digit (natural n) = true.
Proof.
  intros n. unfold natural. generalize (S (N.to_nat (N.size n))). intros k. revert n.
  induction k as [| k IH]; intros n; [easy |]. cbn [natural_within].
  rewrite all_append. cbn [all]. rewrite digit_is_digit. now destruct (n <? 10)%N; rewrite ?IH.
Qed.

Lemma last_digits_digits : forall k n, all is_digit (last_digits k n) = true.
Proof.
  induction k as [| k IH]; intros n; [easy |]. cbn [last_digits].
  rewrite all_append. cbn [all]. now rewrite digit_is_digit, IH.
Qed.

Lemma without_append : forall c a b, without c (a ++ b) = without c a ++ without c b.
Proof. intros c a b. induction a as [| d a IH]; simpl; [easy |]. rewrite IH. now destruct (Ascii.eqb d c). Qed.

Lemma without_free : forall c s, free c s = true -> without c s = s.
Proof.
  intros c s. unfold free. induction s as [| d s IH]; simpl; [easy |]. rewrite andb_true_iff, negb_true_iff. intros [-> H].
  now rewrite IH.
Qed.

Lemma digits_free : forall c s, is_digit c = false -> all is_digit s = true -> free c s = true.
Proof.
  intros c s Hc. apply all_weaken. intros d Hd. apply negb_true_iff, Ascii.eqb_neq. congruence.
Qed.

Lemma read_integer_digits : forall s, all is_digit s = true -> read_integer s = Z.of_N (read 0 s).
Proof.
  intros [| c s]; simpl; [easy |]. intros H. apply andb_true_iff in H as [H _].
  now destruct c as [[] [] [] [] [] [] [] []].
Qed.

(** The text of [n] billionths, its point left out, reads as [n]: distinct numbers have distinct texts (C14N-2). *)
Theorem read9_fixed9 : forall n, read9 (fixed9 n) = n.
Proof.
  intros n. unfold fixed9, read9.
  set (whole := Z.to_N (Z.abs n / one)). set (rest := Z.to_N (Z.abs n mod one)).
  rewrite !without_append. change (without "." ".") with "".
  rewrite !(without_free _ (natural _)), !(without_free _ (last_digits _ _))
    by now apply digits_free; [| apply natural_digits || apply last_digits_digits].
  assert (Hdigits : all is_digit (natural whole ++ last_digits digits rest) = true)
    by now rewrite all_append, natural_digits, last_digits_digits.
  assert (Hread : Z.of_N (read 0 (natural whole ++ last_digits digits rest)) = Z.abs n).
  { rewrite read_append, read_natural, read_last_digits.
    replace (10 ^ N.of_nat digits)%N with (Z.to_N one) by reflexivity.
    assert (H0 : (0 < one)%Z) by reflexivity.
    pose proof (Z.mod_pos_bound (Z.abs n) one H0). pose proof (Z.div_pos (Z.abs n) one).
    rewrite N.mod_small by (unfold rest; lia).
    unfold whole, rest. rewrite N2Z.inj_add, N2Z.inj_mul, !Z2N.id by lia.
    rewrite Z.mul_comm. symmetry. apply Z.div_mod. lia. }
  revert Hdigits Hread. change ("" ++ ?s) with s. generalize (natural whole ++ last_digits digits rest).
  intros s Hdigits Hread. destruct (Z.ltb_spec n 0); simpl; rewrite ?read_integer_digits, Hread by easy; lia.
Qed.

Lemma fixed9_injective : forall n m, fixed9 n = fixed9 m -> n = m.
Proof. intros n m H. now rewrite <- (read9_fixed9 n), H, read9_fixed9. Qed.

(** A number that rounds to zero is written without a sign, and nothing else is written so (C14N-3). *)
Theorem zero_has_no_sign : forall n, fixed9 n = "0.000000000" <-> n = 0%Z.
Proof. intros n. split; [now apply (fixed9_injective n 0) | now intros ->]. Qed.

Lemma natural_begins : forall n, natural n = "0" \/ exists c s, natural n = String c s /\ c <> "0"%char.
Proof.
  assert (H : forall k n, (0 < n < 2 ^ N.of_nat k)%N -> exists c s, natural_within (S k) n = String c s /\ c <> "0"%char).
  { induction k as [| k IH]; intros n Hn; [simpl in Hn; lia |].
    rewrite Nat2N.inj_succ, N.pow_succ_r' in Hn. cbn [natural_within]. destruct (N.ltb_spec n 10) as [Hs | Hl].
    - exists (digit n), "". rewrite N.mod_small by easy. split; [easy |].
      intros Hz. apply (f_equal N_of_ascii) in Hz. unfold digit in Hz. rewrite N_ascii_embedding in Hz by lia.
      change (N_of_ascii "0") with 48%N in Hz. lia.
    - destruct (IH (n / 10)%N) as (c & s & Hc & Hnz).
      { split; [apply N.div_str_pos; lia | apply N.div_lt_upper_bound; lia]. }
      cbn [natural_within] in Hc. rewrite Hc. now exists c, (s ++ String (digit (n mod 10)) ""). }
  intros n. destruct (N.eq_dec n 0) as [-> | Hn]; [now left | right]. apply H. rewrite N2Nat.id. split; [lia | apply N.size_gt].
Qed.

Lemma last_digits_length : forall k n, String.length (last_digits k n) = k.
Proof.
  assert (H : forall s c, String.length (s ++ String c "") = S (String.length s)).
  { induction s as [| d s IH]; intros c; [easy | cbn; now rewrite IH]. }
  induction k as [| k IH]; intros n; [easy |]. cbn [last_digits]. now rewrite H, IH.
Qed.

(** Plain decimal notation: a sign if the number is negative, digits without leading zeros, a point, and nine digits (C14N-2). *)
Theorem fixed9_is_plain_decimal : forall n, exists whole fraction,
  fixed9 n = (if (n <? 0)%Z then "-" else "") ++ whole ++ "." ++ fraction /\
  all is_digit whole = true /\ (whole = "0" \/ exists c s, whole = String c s /\ c <> "0"%char) /\
  all is_digit fraction = true /\ String.length fraction = digits.
Proof.
  intros n. exists (natural (Z.to_N (Z.abs n / one))), (last_digits digits (Z.to_N (Z.abs n mod one))).
  repeat split; auto using natural_digits, natural_begins, last_digits_digits, last_digits_length.
Qed.

Lemma natural_free : forall c n, is_digit c = false -> free c (natural n) = true.
Proof. intros c n H. apply digits_free; [easy | apply natural_digits]. Qed.

(** A decimal holds no comma, so it ends where the next field begins. *)
Lemma fixed9_free : forall n, free "," (fixed9 n) = true.
Proof.
  intros n. unfold fixed9, free. rewrite !all_append.
  change (all _ (natural ?s)) with (free "," (natural s)). change (all _ (last_digits ?k ?s)) with (free "," (last_digits k s)).
  rewrite natural_free, digits_free by (easy || apply last_digits_digits). now destruct (n <? 0)%Z.
Qed.
